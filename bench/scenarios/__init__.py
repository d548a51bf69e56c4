"""Load and attack scenarios, run against fastgw and its peers in the same run."""
