"""Floor 3, above the engine: tells people who look at nothing. It reads what is durable and never delays a rollout."""
