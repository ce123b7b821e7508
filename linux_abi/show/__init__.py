"""What calls look like in a trace, by their declarations alone, as strace(1) writes them. Not imported unless asked for."""
