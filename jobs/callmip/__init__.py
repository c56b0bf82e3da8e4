"""CalLMIP Phase 1b: the files that a group hands in, and what they must obey.

After the protocol of Phase 1 (version 2) and its template file.
"""
