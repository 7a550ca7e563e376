"""What a release is: its artifacts, their validation, their fingerprints. No I/O, no clock, no environment."""
