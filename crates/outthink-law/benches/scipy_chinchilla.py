"""The Chinchilla fit of outthink against SciPy's, side by side in one run.

    python3 crates/outthink-law/benches/scipy_chinchilla.py [chinchilla_epoch.csv]

Both fit E + A/N^alpha + B/D^beta to the same runs, from 300 starts, with 1,000 bootstrap draws from the
best fit, on one thread. SciPy runs L-BFGS-B with the analytic gradient on NumPy arrays. Without a file
runs are made by a known law. SciPy comes from PyPI into a scratch environment where it is not installed.
"""

import csv
import os

# Before NumPy is imported: its BLAS reads these once, when it is loaded, and threads that wait for tiny
# matrices make SciPy many times slower than it is.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import resource
import subprocess
import sys
import tempfile
import time
import venv

HERE = os.path.dirname(os.path.abspath(__file__))
STARTS, DRAWS, DELTA = 300, 1000, 1e-3

try:
    import numpy as np
    from scipy.optimize import minimize
except ImportError:
    if os.environ.get("OUTTHINK_BENCH_VENV"):
        sys.exit("skipped: SciPy cannot be installed here")
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = os.path.join(folder, "bin", "python")
        if subprocess.call([python, "-m", "pip", "-q", "install", "numpy", "scipy"]) != 0:
            sys.exit("skipped: SciPy cannot be installed here")
        code = subprocess.call([python, *sys.argv], env={**os.environ, "OUTTHINK_BENCH_VENV": "1"})
    sys.exit(code)


def runs():
    if len(sys.argv) > 1:
        with open(sys.argv[1], newline="") as file:
            rows = [(float(r["Model Size"]), float(r["Training FLOP"]), float(r["loss"])) for r in csv.DictReader(file)]
        rows = sorted(rows, key=lambda r: r[2])[:-5]
        return np.array([(n, c / 6 / n, l) for n, c, l in rows])
    rng = np.random.default_rng(0)
    n = np.exp(rng.uniform(np.log(5e7), np.log(1e10), 240))
    d = np.exp(rng.uniform(np.log(1e9), np.log(1e12), 240))
    loss = (1.8 + 480 * n**-0.35 + 2000 * d**-0.37) * np.exp(0.005 * rng.standard_normal(240))
    return np.stack([n, d, loss], axis=1)


def scipy_fit(data):
    n, d, loss = np.log(data).T

    def objective(p, w):
        a, alpha, b, beta, e = p
        terms = np.stack([a - alpha * n, b - beta * d, np.full_like(n, e)])
        top = terms.max(axis=0)
        weights = np.exp(terms - top)
        total = weights.sum(axis=0)
        r = top + np.log(total) - loss
        clipped = np.clip(r, -DELTA, DELTA)
        value = (w * clipped * (r - 0.5 * clipped)).sum()
        share = weights / total * (w * clipped)
        gradient = [share[0].sum(), -(share[0] * n).sum(), share[1].sum(), -(share[1] * d).sum(), share[2].sum()]
        return 1e3 * value, 1e3 * np.array(gradient)

    rng = np.random.default_rng(0)
    once = np.ones(len(n))
    begin = time.perf_counter()
    best = None
    for _ in range(STARTS):
        start = [rng.uniform(0, 25), rng.uniform(0, 2), rng.uniform(0, 25), rng.uniform(0, 2), rng.uniform(-1, 1)]
        end = minimize(objective, start, args=(once,), jac=True, method="L-BFGS-B")
        if best is None or end.fun < best.fun:
            best = end
    best = minimize(objective, best.x, args=(once,), jac=True, method="L-BFGS-B", options={"ftol": 1e-15, "gtol": 1e-12})
    of_starts = time.perf_counter() - begin
    for _ in range(DRAWS):
        w = np.bincount(rng.integers(0, len(n), len(n)), minlength=len(n)).astype(float)
        minimize(objective, best.x, args=(w,), jac=True, method="L-BFGS-B")
    in_all = time.perf_counter() - begin
    return of_starts, in_all, best.fun / 1e3, np.exp(best.x[4]), best.x[1], best.x[3]


def main():
    data = runs()
    with tempfile.NamedTemporaryFile("w", suffix=".csv", delete=False) as file:
        file.writelines(f"{n!r},{d!r},{l!r}\n" for n, d, l in data.tolist())
    one = {**os.environ, "RAYON_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    build = ["cargo", "build", "-q", "--release", "-p", "outthink-law", "--example", "chinchilla_speed"]
    subprocess.check_call(build, cwd=os.path.join(HERE, "..", "..", ".."))
    folder = os.environ.get("CARGO_TARGET_DIR", os.path.join(HERE, "..", "..", "..", "target"))
    ours = os.path.join(folder, "release", "examples", "chinchilla_speed")
    rows = []
    # In turns, so that what else runs on the machine burdens both; and processor time beside the clock's.
    for _ in range(3):
        starts = subprocess.check_output([ours, file.name, "0"], env=one, text=True).split()
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        whole = subprocess.check_output([ours, file.name, str(DRAWS)], env=one, text=True).split()
        ours_cpu = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
        begin = time.process_time()
        theirs = scipy_fit(data)
        rows.append(([float(x) for x in starts[:1] + whole], theirs, (ours_cpu, time.process_time() - begin)))
    os.unlink(file.name)
    ours, theirs = (min((r[i] for r in rows), key=lambda r: r[1]) for i in (0, 1))
    print(f"{len(data)} runs, {STARTS} starts, {DRAWS} bootstrap draws, one thread, the best of 3 turns")
    print("            starts, s   in all, s   objective    E       alpha   beta")
    for name, row in (("outthink", ours), ("SciPy", theirs)):
        print(f"{name:<10}  {row[0]:>9.3f}   {row[1]:>9.3f}   {row[2]:.7f}  {row[3]:.4f}  {row[4]:.4f}  {row[5]:.4f}")
    print(f"faster by   {theirs[0] / ours[0]:>8.1f}x   {theirs[1] / ours[1]:>8.1f}x")
    cpu = [min(r[2][i] for r in rows) for i in (0, 1)]
    print(f"processor seconds in all: {cpu[0]:.2f} and {cpu[1]:.2f}, {cpu[1] / cpu[0]:.1f}x")


if __name__ == "__main__":
    main()
