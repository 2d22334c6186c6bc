"""What is fuzzed and what may come of it: used by the tests here and by ``benchmarks/fuzz.py``."""
