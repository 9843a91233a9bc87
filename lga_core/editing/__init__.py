"""Edits of facts in a model: edits as values, the search for v*, the editors, the ledger, edit sets and exports.

The symbols of docs/METHOD.md, section 4, as names and comments use them:

    W       a down projection's matrix (d_out, d_in); ΔW what an edit adds to it
    k       its input at the last subject token, the key (d_in,); k̄ the mean of k over contexts
    v0      its output there (d_out,), with the bias; v* = v0 + δ the output that makes the model give the new answer
    r       what is to be written at a key (d_out,); a the direction along which it is read (d_in,): ΔW = Σ r ⊗ a
    C       the second moment E[k kᵀ] of all keys (d_in, d_in)
"""
