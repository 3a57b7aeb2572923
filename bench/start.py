"""How long `helpbot ask` takes from nothing to its answer, beside a bare `import numpy`, in one run.

    python bench/start.py [--runs 15]

Words alone, warm: the knowledge was compiled by an earlier call, and Python keeps its compiled modules as it does
where the package is installed (in a folder of this run's own, also where PYTHONDONTWRITEBYTECODE is set). The goal is
at most three times the import.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BIN = Path(sys.executable).parent
COMMANDS = {
    "python -c 'import numpy'": [sys.executable, "-c", "import numpy"],
    "helpbot ask --words": [str(BIN / "helpbot"), "ask", "--words", "--json", "access forbidden"],
    "helpbot ask": [str(BIN / "helpbot"), "ask", "--json", "access forbidden"],
}


def main() -> None:
    """Run the commands in turn and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    with tempfile.TemporaryDirectory() as folder:
        env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        env["PYTHONPYCACHEPREFIX"] = folder
        for number in range(runs + 1):  # the first round warms up
            for name, command in COMMANDS.items():
                start = time.perf_counter()
                subprocess.run(command, stdout=subprocess.DEVNULL, check=True, env=env)
                if number:
                    times[name].append(time.perf_counter() - start)
    base = statistics.median(times["python -c 'import numpy'"])
    least = min(times["python -c 'import numpy'"])
    for name, taken in times.items():
        middle = statistics.median(taken)
        fastest = min(taken)
        print(
            f"{name:28} {middle * 1000:7.0f} ms  {middle / base:5.2f}x  "
            f"(fastest {fastest * 1000:.0f} ms, {fastest / least:.2f}x)"
        )


if __name__ == "__main__":
    main()
