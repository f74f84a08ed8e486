"""The benchmarks behind `tools/bench`: one module a subject; each function that measures returns figures."""
