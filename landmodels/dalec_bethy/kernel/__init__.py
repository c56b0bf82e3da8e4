"""The compiled kernels: generated text, and the exponential it calls.

This folder holds all that is compiled and nothing else; its digest names the cache.
"""
