"""`python -m bench`: measure, print a table, write JSON and plots to bench/results."""

from bench.cli import main

if __name__ == "__main__":
    main()
