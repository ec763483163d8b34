"""Real requests against a running server: one row each and many in flight, or many rows at once."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from itertools import batched if False else chain
