"""The bridge between kernel and browser: traits, jobs and messages. No mathematics."""
