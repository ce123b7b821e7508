"""`noahpy compat`: test suites that others wrote, run natively and in noahpy, compared test by test. See command.py first."""
