#!/bin/sh
# Records the traces again, from the originals at the versions named here. Needs python3 and the
# network; the tests need neither, they read what is recorded.
set -eu
cd "$(dirname "$0")"
venv=../../target/peers-env

python3 -m venv "$venv"
"$venv/bin/pip" install --quiet gymnasium==1.4.0 numpy==2.4.6 box2d==2.3.10
# MinAtar asks for plotting libraries that only its window needs.
"$venv/bin/pip" install --quiet --no-deps MinAtar==1.0.15
# The course's homework is no package.
course=https://raw.githubusercontent.com/berkeleydeeprlcourse/homework_fall2023
commit=f401a13ce9139d633c1d242c2557ae29506a7e05
curl --fail --silent --show-error --location --output "$venv/pointmass.py" \
    "$course/$commit/hw5/cs285/envs/pointmass.py"
"$venv/bin/python" record.py . "$venv/pointmass.py"
