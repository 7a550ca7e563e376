"""What a change will cost, simulated with the very limiter and retry code that runs. Called by the gate."""
