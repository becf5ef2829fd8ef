"""Real servers for tests, each on a free loopback port, started for one test and stopped after it."""
