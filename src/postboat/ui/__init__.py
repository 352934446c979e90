"""How it looks: every face folds the same events, and picks from the same sentences. START READING in `faces`.

What is known of a run is `view` (with `life` over many syncs, `steps` of work that is no sync); what is said of it is
in `sentences`, in the `words` that all have in common. Faces that write lines are `plain`. The dashboard
(`blinkenlights`) and the `window` draw the `board`, run in a process `apart` and see the run through a `link`.
`reports` are what commands print that show no run.
"""
