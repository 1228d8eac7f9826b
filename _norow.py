from fxflops import formulas
from fxflops.registry import COMPLEX, FORMULAS
from tests.formulas.test_formulas import CASES

formulas.load()
for t, c in ((FORMULAS, False), (COMPLEX, True)):
    rows = {k.op for k in CASES if k.is_complex is c}
    print(" ".join(sorted(str(o) for o in set(t) - rows)))
