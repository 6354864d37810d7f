"""One call of every covered function: what `tests/docs/test_coverage.py` measures, and the page shows.

A line is `name: expression`. `np` is NumPy in the reference and `autodiff.numpy` in the measurement, `sp` is
SciPy and `autodiff.scipy`, `written(f, x, ...)` is a copy of x that f has written to. The other names are the
arrays of `ARRAYS`, and those that occur are differentiated.
"""

import numpy

RNG = numpy.random.default_rng(2)
_A = RNG.standard_normal((3, 3))
ARRAYS = {
    "x": RNG.uniform(-2.0, 2.0, (3, 4)),
    "y": RNG.uniform(0.5, 2.0, (3, 4)),  # positive
    "u": RNG.uniform(0.1, 0.9, (3, 4)),  # in the unit interval
    "o": RNG.uniform(1.2, 3.0, (3, 4)),  # greater than one
    "v": RNG.permutation(5) + RNG.uniform(-0.3, 0.3, 5),
    "w": RNG.uniform(0.5, 2.0, 5),
    "b": RNG.uniform(-1.0, 1.0, 3),
    "a": _A + 4.0 * numpy.eye(3),  # well conditioned
    "s": _A @ _A.T + 3.0 * numpy.eye(3),  # symmetric, positive definite
    "t": RNG.uniform(-1.0, 1.0, (2, 3, 4)),
}

_UNARY = """
abs absolute arctan arcsinh asinh atan cbrt conj conjugate cos cosh deg2rad degrees exp exp2 expm1 fabs i0 negative
positive rad2deg radians real sin sinc sinh square tan tanh unwrap nan_to_num real_if_close copy ravel transpose
matrix_transpose fliplr flipud flip squeeze triu tril diagonal diagflat trace permute_dims atleast_1d atleast_2d
atleast_3d sum prod max min amax amin mean var std ptp median cumsum cumprod nansum nanprod nanmean nanvar
nanstd nanmax nanmin nanmedian nancumsum nancumprod ediff1d gradient cov corrcoef isfinite isinf isnan sign signbit
floor ceil rint trunc fix round around iscomplex isreal isneginf isposinf logical_not any all
argmax argmin nanargmax nanargmin argsort count_nonzero zeros_like ones_like angle imag
iscomplexobj isrealobj shape ndim size
"""
_POSITIVE = "log log1p log2 log10 reciprocal sqrt"
_UNIT = "arcsin asin arccos acos arctanh atanh"
_PAIRS = """
add subtract multiply arctan2 atan2 copysign fmax fmin hypot logaddexp logaddexp2 maximum minimum less less_equal
greater greater_equal equal not_equal isclose allclose array_equal array_equiv logical_and logical_or logical_xor
"""
_QUOTIENTS = "divide true_divide floor_divide fmod mod remainder divmod"

NUMPY = f"""
{chr(10).join(f"{name}: np.{name}(x)" for name in _UNARY.split())}
{chr(10).join(f"{name}: np.{name}(y)" for name in _POSITIVE.split())}
{chr(10).join(f"{name}: np.{name}(u)" for name in _UNIT.split())}
{chr(10).join(f"{name}: np.{name}(x, y)" for name in _PAIRS.split())}
{chr(10).join(f"{name}: np.{name}(x, y)" for name in _QUOTIENTS.split())}
acosh: np.acosh(o)
arccosh: np.arccosh(o)
pow: np.pow(y, x)
power: np.power(y, x)
float_power: np.float_power(y, x)
heaviside: np.heaviside(x, y)
modf: np.modf(x)
frexp: np.frexp(0.6 + 0.2 * u)
ldexp: np.ldexp(x, [1, 2, -1, 0])
invert: np.invert(x > 0)
bitwise_not: np.bitwise_not(x > 0)
bitwise_invert: np.bitwise_invert(x > 0)
bitwise_and: np.bitwise_and(x > 0, y > 1)
right_shift: np.right_shift(np.floor(4.0 * x).astype(int), 1)
left_shift: np.left_shift(np.floor(x).astype(int), 2)
bitwise_right_shift: np.bitwise_right_shift(np.floor(4.0 * x).astype(int), 1)
bitwise_left_shift: np.bitwise_left_shift(np.floor(x).astype(int), 2)
bitwise_or: np.bitwise_or(x > 0, y > 1)
bitwise_xor: np.bitwise_xor(x > 0, y > 1)
where: np.where(x > 0, x, y)
clip: np.clip(x, -y, 0.5)
astype: np.astype(x, np.float64)
select: np.select([x > 1, x > 0], [x, y], 0.5)
choose: np.choose([2, 0, 1], [b, 2 * b, 0.5])
piecewise: np.piecewise(x, [x < 0, x > 1], [np.sin, np.exp, 0.5])
reshape: np.reshape(x, (2, -1))
resize: np.resize(x, (2, 5))
swapaxes: np.swapaxes(t, 0, 2)
moveaxis: np.moveaxis(t, 0, -1)
rollaxis: np.rollaxis(t, 2)
expand_dims: np.expand_dims(x, 1)
broadcast_to: np.broadcast_to(b, (2, 3))
broadcast_arrays: np.broadcast_arrays(x, v[:4])
concatenate: np.concatenate([x, y])
concat: np.concat([x, y], axis=1)
stack: np.stack([x, y], axis=1)
vstack: np.vstack([x, y])
hstack: np.hstack([x, y])
dstack: np.dstack([x, y])
column_stack: np.column_stack([b, x])
block: np.block([[x, y], [y, x]])
split: np.split(x, 2, axis=1)
array_split: np.array_split(v, 2)
hsplit: np.hsplit(x, 2)
vsplit: np.vsplit(x, 3)
dsplit: np.dsplit(t, 2)
unstack: np.unstack(x)
append: np.append(x, y)
insert: np.insert(v, 2, w)
delete: np.delete(v, 2)
flip_: np.flip(x)
roll: np.roll(x, 2, axis=1)
rot90: np.rot90(x)
tile: np.tile(b, (2, 2))
repeat: np.repeat(x, 2, axis=0)
pad: np.pad(x, 2, mode="reflect")
diag: np.diag(v)
meshgrid: np.meshgrid(b, v)
take: np.take(x, [0, 2], axis=1)
take_along_axis: np.take_along_axis(x, np.argsort(x, axis=1), axis=1)
compress: np.compress([True, False, True], x, axis=0)
extract: np.extract([[True, False, True, False]] * 3, x)
searchsorted: np.searchsorted(np.sort(v), w)
sort: np.sort(x)
partition: np.partition(v, 2)
argpartition: np.argpartition(v, [0, 1, 2, 3, 4])
cumulative_sum: np.cumulative_sum(v, include_initial=True)
cumulative_prod: np.cumulative_prod(v)
average: np.average(x, axis=1, weights=y)
quantile: np.quantile(x, 0.3, axis=1)
percentile: np.percentile(x, 30.0, axis=1)
nanquantile: np.nanquantile(x, 0.3, axis=1)
nanpercentile: np.nanpercentile(x, 30.0, axis=1)
bincount: np.bincount([0, 2, 1, 1, 0], w)
histogram: np.histogram(v, 3, weights=w)[0]
diff: np.diff(x)
trapezoid: np.trapezoid(v, np.cumsum(w))
interp: np.interp(b, np.cumsum(w), v)
convolve: np.convolve(v, b)
correlate: np.correlate(v, b, mode="full")
cross: np.cross(b, a)
dot: np.dot(x, y.T)
vdot: np.vdot(x, y)
inner: np.inner(x, y)
outer: np.outer(v, b)
kron: np.kron(x, a)
matmul: np.matmul(a, x)
vecdot: np.vecdot(x, y)
matvec: np.matvec(a, b)
vecmat: np.vecmat(b, a)
tensordot: np.tensordot(t, x, axes=2)
einsum: np.einsum("ij,kij->k", x, t)
polyval: np.polyval(b, x)
polyadd: np.polyadd(v, b)
polysub: np.polysub(v, b)
polymul: np.polymul(v, b)
polyder: np.polyder(v)
polyint: np.polyint(v)
polyfit: np.polyfit(v, w, 2)
poly: np.poly(b)
vander: np.vander(b)
empty_like: x * np.size(np.empty_like(x))
full_like: np.full_like(x, b[0])
linspace: np.linspace(b, a, 4)
logspace: np.logspace(b, a, 4)
geomspace: np.geomspace(y, 2 * o, 4)
array: np.array([b[0], 1.0, b[1]])
asarray: np.asarray([b[0], 1.0, b[1]])
asanyarray: np.asanyarray([b[0], 1.0, b[1]])
asarray_chkfinite: np.asarray_chkfinite([b[0], 1.0, b[1]])
ascontiguousarray: np.ascontiguousarray([b[0], 1.0, b[1]])
asfortranarray: np.asfortranarray([b[0], 1.0, b[1]])
require: np.require(x)
full: np.full((2, 3), b)
zeros: np.zeros(3) + b
ones: np.ones(3) * b
empty: b * np.size(np.empty(2))
eye: np.eye(3) @ b
identity: np.identity(3) @ b
tri: np.tri(3) @ b
arange: np.arange(3.0) * b
indices: np.indices((3, 4)) * x
fromfunction: np.fromfunction(lambda i: i * b[0], (3,))
fromiter: np.fromiter((k * 2.0 for k in b), float)
kaiser: np.kaiser(5, b[0]) + 0.0
bartlett: np.bartlett(5) * v
blackman: np.blackman(5) * v
hamming: np.hamming(5) * v
hanning: np.hanning(5) * v
vectorize: np.vectorize(lambda p, q: p * q)(b, 2.0)
apply_along_axis: np.apply_along_axis(np.cumsum, 0, x)
apply_over_axes: np.apply_over_axes(np.sum, t, [0, 2])
einsum_path: np.einsum_path("ij,jk->ik", a, x)[0][1:]
ix_: x[np.ix_([0, 2], [1, 3])]
unravel_index: np.unravel_index(np.argmax(x), (3, 4))
ravel_multi_index: np.ravel_multi_index((np.argmax(x), 1), (12, 4))
diag_indices_from: x[:3, :3][np.diag_indices_from(x[:3, :3])]
tril_indices_from: x[np.tril_indices_from(x)]
triu_indices_from: x[np.triu_indices_from(x)]
put: written(np.put, x, [0, 2], b[:2])
place: written(np.place, x, [[True, False, True, False]] * 3, b[:2])
putmask: written(np.putmask, x, [[True, False, True, False]] * 3, y)
put_along_axis: written(np.put_along_axis, x, np.array([[0], [2], [1]]), 2.0, 1)
fill_diagonal: written(np.fill_diagonal, x, b[0])
copyto: written(np.copyto, x, y)
c_: np.c_[b, 2 * b]
r_: np.r_[b, 1.0]
"""

LINALG = """
norm: np.linalg.norm(x)
vector_norm: np.linalg.vector_norm(x, axis=0)
matrix_norm: np.linalg.matrix_norm(x)
solve: np.linalg.solve(a, b)
inv: np.linalg.inv(a)
pinv: np.linalg.pinv(x)
lstsq: np.linalg.lstsq(x.T, v[:4])[0]
tensorsolve: np.linalg.tensorsolve(a, b)
tensorinv: np.linalg.tensorinv(a, 1)
det: np.linalg.det(a)
slogdet: np.linalg.slogdet(a)
matrix_power: np.linalg.matrix_power(a, 3)
multi_dot: np.linalg.multi_dot([b, a, x])
cholesky: np.linalg.cholesky(s + s.T)
eigh: np.linalg.eigh(s + s.T)[0]
eigvalsh: np.linalg.eigvalsh(s + s.T)
svd: np.linalg.svd(x, full_matrices=False)[1]
svdvals: np.linalg.svdvals(x)
qr: np.linalg.qr(a)[1]
cond: np.linalg.cond(a)
matrix_rank: np.linalg.matrix_rank(a)
diagonal: np.linalg.diagonal(a)
trace: np.linalg.trace(a)
matrix_transpose: np.linalg.matrix_transpose(x)
outer: np.linalg.outer(v, b)
cross: np.linalg.cross(b, a)
vecdot: np.linalg.vecdot(x, y)
matmul: np.linalg.matmul(a, x)
tensordot: np.linalg.tensordot(t, x, axes=2)
eig: np.linalg.eig(s + np.diag(b))[0].real
eigvals: np.linalg.eigvals(s + np.diag(b)).real
"""

_FFT = "fft fft2 fftn fftshift hfft ifft ifft2 ifftn ifftshift ihfft irfft irfft2 irfftn rfft rfft2 rfftn"
FFT = f"""
{chr(10).join(f"{name}: np.fft.{name}(x).real" for name in _FFT.split())}
fftfreq: np.fft.fftfreq(5) * v
rfftfreq: np.fft.rfftfreq(8) * v
"""


# The ufuncs of scipy.special, by the arguments they are measured on.
_SPECIAL = {
    "2, 5, u": """
bdtr bdtrc hyp1f1 hyperu nbdtr nbdtrc
""",
    "y, u": """
beta betaln binom boxcox boxcox1p chdtr chdtrc chdtri gammainc gammaincc gammainccinv gammaincinv huber
inv_boxcox inv_boxcox1p kl_div owens_t pdtr pdtrc poch powm1 pseudo_huber rel_entr stdtr stdtrit xlog1py xlogy
""",
    "y, o, u": """
betainc betaincc betainccinv betaincinv fdtr fdtrc fdtri gdtr gdtrc
""",
    "u": """
cbrt cosdg cosm1 cotdg dawsn digamma ellipe ellipk ellipkm1 entr erf erfc erfcinv erfcx erfi erfinv exp1 exp10
exp2 expi expit expm1 exprel fresnel gamma gammaln i0 i0e i1 i1e j0 j1 k0 k0e k1 k1e log1p log_expit log_ndtr
loggamma logit ndtr ndtri psi rgamma shichi sici sindg spence tandg y0 y1
""",
    "2, y": """
expn hyp0f1 iv ive jn jv jve kv kve yn yv yve
""",
}
SPECIAL = f"""
{chr(10).join(f"{n}: sp.special.{n}({args})" for args, names in _SPECIAL.items() for n in names.split())}
hyp2f1: sp.special.hyp2f1(0.5, 1.5, 2.5, u)
round: sp.special.round(x)
ellipeinc: sp.special.ellipeinc(y, 0.4)
ellipkinc: sp.special.ellipkinc(y, 0.4)
ndtri_exp: sp.special.ndtri_exp(-y)
comb: sp.special.comb(o, u)
factorial: sp.special.factorial(y)
log_softmax: sp.special.log_softmax(x, axis=1)
logsumexp: sp.special.logsumexp(x, axis=1)
multigammaln: sp.special.multigammaln(o, 2)
perm: sp.special.perm(o, u)
polygamma: sp.special.polygamma(1, y)
softmax: sp.special.softmax(x, axis=1)
lambertw: sp.special.lambertw(y).real
"""

SCIPY_LINALG = """
block_diag: sp.linalg.block_diag(a, x)
cho_factor: np.triu(sp.linalg.cho_factor(s + s.T)[0])
cho_solve: sp.linalg.cho_solve(sp.linalg.cho_factor(s + s.T), b)
cho_solve_banded: sp.linalg.cho_solve_banded((x + [[9.0], [0.0], [0.0]], True), v[:4])
cholesky: sp.linalg.cholesky(s + s.T)
cholesky_banded: np.triu(sp.linalg.cholesky_banded(x[:2, :3] + [[0.0], [9.0]])[:, 1:] ** 2)
circulant: sp.linalg.circulant(v)
companion: sp.linalg.companion(w)
convolution_matrix: sp.linalg.convolution_matrix(v, 3, "same")
coshm: sp.linalg.coshm(0.2 * a)
cosm: sp.linalg.cosm(0.2 * a)
det: sp.linalg.det(a)
diagsvd: sp.linalg.diagsvd(v, 5, 6)
eig: sp.linalg.eig(a + np.diag([1.0, 2.0, 4.0]))[0]
eig_banded: sp.linalg.eig_banded(x)[1] ** 2
eigh: sp.linalg.eigh(s + s.T, a @ a.T)[0]
eigh_tridiagonal: sp.linalg.eigh_tridiagonal(v, w[:4])[1] ** 2
eigvals: sp.linalg.eigvals(a + np.diag([1.0, 2.0, 4.0]))
eigvals_banded: sp.linalg.eigvals_banded(x)
eigvalsh: sp.linalg.eigvalsh(s + s.T)
eigvalsh_tridiagonal: sp.linalg.eigvalsh_tridiagonal(v, w[:4])
expm: sp.linalg.expm(0.2 * a)
expm_frechet: sp.linalg.expm_frechet(0.2 * a, s)
fiedler: sp.linalg.fiedler(v)
fractional_matrix_power: sp.linalg.fractional_matrix_power(s + s.T, 0.3)
hankel: sp.linalg.hankel(b, v)
inv: sp.linalg.inv(a)
khatri_rao: sp.linalg.khatri_rao(x, y)
leslie: sp.linalg.leslie(v, w[:4])
logm: sp.linalg.logm(s + s.T)
lstsq: sp.linalg.lstsq(x.T, v[:4])[0]
lu: sp.linalg.lu(a)
lu_factor: sp.linalg.lu_factor(a)[0]
lu_solve: sp.linalg.lu_solve(sp.linalg.lu_factor(a), b)
matmul_toeplitz: sp.linalg.matmul_toeplitz(b, x)
norm: sp.linalg.norm(x)
orthogonal_procrustes: sp.linalg.orthogonal_procrustes(a, s)
pinv: sp.linalg.pinv(x)
pinvh: sp.linalg.pinvh(s)
polar: sp.linalg.polar(a)
qr: sp.linalg.qr(a)
signm: sp.linalg.signm(a * [1.0, -1.0, 1.0])
sinhm: sp.linalg.sinhm(0.2 * a)
sinm: sp.linalg.sinm(0.2 * a)
solve: sp.linalg.solve(a, b)
solve_banded: sp.linalg.solve_banded((1, 1), x + [[0.0], [9.0], [0.0]], v[:4])
solve_circulant: sp.linalg.solve_circulant(v + 9.0 * np.eye(5)[0], w)
solve_continuous_lyapunov: sp.linalg.solve_continuous_lyapunov(a, s)
solve_discrete_lyapunov: sp.linalg.solve_discrete_lyapunov(0.1 * a, s)
solve_lyapunov: sp.linalg.solve_lyapunov(a, s)
solve_sylvester: sp.linalg.solve_sylvester(a, s, a)
solve_toeplitz: sp.linalg.solve_toeplitz(v + 9.0 * np.eye(5)[0], w)
solve_triangular: sp.linalg.solve_triangular(a, b, lower=True)
solveh_banded: sp.linalg.solveh_banded(x + [[0.0], [0.0], [9.0]], v[:4])
sqrtm: sp.linalg.sqrtm(s + s.T)
subspace_angles: sp.linalg.subspace_angles(a[:, :2], s[:, :1])
svd: sp.linalg.svd(x)[1]
svdvals: sp.linalg.svdvals(x)
tanhm: sp.linalg.tanhm(0.2 * a)
tanm: sp.linalg.tanm(0.2 * a)
toeplitz: sp.linalg.toeplitz(b, v)
"""

STATS = """
bernoulli: sp.stats.bernoulli.logpmf([[0, 1, 1, 0]], u)
beta: sp.stats.beta.logpdf(u, y, 1.5)
binom: sp.stats.binom.logpmf(2, 5, u)
cauchy: sp.stats.cauchy.logpdf(x, loc=0.3, scale=y)
chi2: sp.stats.chi2.logpdf(y, 3.0)
dirichlet: sp.stats.dirichlet.logpdf([0.2, 0.3, 0.5], w[:3])
expon: sp.stats.expon.logpdf(o, scale=y)
f: sp.stats.f.logpdf(y, 3.0, 5.0)
gamma: sp.stats.gamma.logpdf(y, o)
geom: sp.stats.geom.logpmf(3, u)
gumbel_l: sp.stats.gumbel_l.logpdf(x)
gumbel_r: sp.stats.gumbel_r.logpdf(x)
halfnorm: sp.stats.halfnorm.logpdf(y)
invgamma: sp.stats.invgamma.logpdf(y, o)
laplace: sp.stats.laplace.logpdf(x, scale=y)
logistic: sp.stats.logistic.logpdf(x)
lognorm: sp.stats.lognorm.logpdf(y, o)
multinomial: sp.stats.multinomial.logpmf([1, 2, 0, 1, 1], 5, w / np.sum(w))
multivariate_normal: sp.stats.multivariate_normal.logpdf(b, np.zeros(3), s + s.T)
nbinom: sp.stats.nbinom.logpmf(2, 5, u)
norm: sp.stats.norm.logpdf(x, loc=0.3, scale=y)
pareto: sp.stats.pareto.logpdf(o, y)
poisson: sp.stats.poisson.logpmf(3, y)
rayleigh: sp.stats.rayleigh.logpdf(y)
t: sp.stats.t.logpdf(x, o)
uniform: sp.stats.uniform.logpdf(u, scale=o)
weibull_min: sp.stats.weibull_min.logpdf(y, o)
"""

SIGNAL = """
convolve: sp.signal.convolve(v, b)
convolve2d: sp.signal.convolve2d(x, a)
correlate: sp.signal.correlate(v, b)
correlate2d: sp.signal.correlate2d(x, a)
detrend: sp.signal.detrend(x)
fftconvolve: sp.signal.fftconvolve(v, b)
lfilter: sp.signal.lfilter([0.5, 0.2], [1.0, -0.3], x)
oaconvolve: sp.signal.oaconvolve(v, b)
sosfilt: sp.signal.sosfilt([[0.5, 0.2, 0.0, 1.0, -0.3, 0.0]], x)
"""

SPARSE = """
csr_array: sp.sparse.csr_array((w, [0, 1, 0, 2, 1], [0, 1, 3, 5]), shape=(3, 3)) @ b
csr_matrix: sp.sparse.csr_matrix((w, [0, 1, 0, 2, 1], [0, 1, 3, 5]), shape=(3, 3)) @ b
linalg.spsolve: sp.sparse.linalg.spsolve(sp.sparse.csr_array((w, [0, 0, 1, 1, 2], [0, 1, 3, 5]), shape=(3, 3)), b)
"""


def _table(lines: str) -> dict[str, str]:
    pairs = (line.split(": ", 1) for line in lines.strip().splitlines())
    return {name: expression for name, expression in pairs if not name.endswith("_") or name in ("ix_", "c_", "r_")}


SAMPLES = {
    "numpy": _table(NUMPY),
    "numpy.linalg": _table(LINALG),
    "numpy.fft": _table(FFT),
    "scipy.special": _table(SPECIAL),
    "scipy.linalg": _table(SCIPY_LINALG),
    "scipy.stats": _table(STATS),
    "scipy.signal": _table(SIGNAL),
    "scipy.sparse": _table(SPARSE),
}

# Public names of NumPy that compute nothing from arrays of numbers: classes, text, files, settings, dates.
_NOT_ABOUT_NUMBERS = """
array2string array_repr array_str asmatrix base_repr binary_repr bmat broadcast broadcast_shapes busdaycalendar
can_cast common_type datetime_data diag_indices dtype errstate finfo flatiter format_float_positional
format_float_scientific from_dlpack frombuffer fromfile frompyfunc fromregex fromstring genfromtxt get_include
get_printoptions getbufsize geterr geterrcall iinfo in1d index_exp info isdtype isfortran isscalar issubdtype
iterable load loadtxt mask_indices matrix may_share_memory memmap mgrid min_scalar_type mintypecode ndarray
ndenumerate ndindex nditer nested_iters ogrid poly1d printoptions promote_types recarray record rec result_type
row_stack s_ set_printoptions setbufsize seterr seterrcall shares_memory show_config show_runtime test tril_indices
triu_indices typename ufunc trapz
"""
NOT_ABOUT_NUMBERS = set(_NOT_ABOUT_NUMBERS.split())
# Places of elements, from known values only: they decide the shape of a result.
KNOWN_VALUES = {"nonzero", "flatnonzero", "argwhere"}
