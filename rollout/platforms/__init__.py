"""Floor 2: what a platform is to the engine, one folder for each platform."""
