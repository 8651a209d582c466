"""One file for each noun of the API: what is asked for, and how it is answered."""
