"""The log's past as Parquet files, per partition and day: what backtests, explanations and exports read.

A folder or an object store holds ``partition=0003/day=2026-11-24/<first seq>-<last seq>.parquet`` and, beside the files
of a day, a manifest that names them with their checksums. A file counts once the manifest names it; it is written whole
before, so a crash between the two leaves a file that the next attempt replaces.
"""
