"""The engine process and its client: long work runs in a process of its own, pages ask for it and read the store.

The server process imports `requests`, `jobs`, `client`, `reading` and `models`, none of which knows torch. The engine
process runs `engine`, `turns` and `work`.
"""
