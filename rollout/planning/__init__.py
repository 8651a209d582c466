"""What a rollout would do, when it would be done, and what speaks against it: read off its plan before it runs."""
