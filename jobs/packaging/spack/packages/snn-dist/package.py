"""Spack recipe of snn_dist. From a checkout:

    spack repo add jobs/packaging/spack
    spack install snn-dist@main           # from the checkout: spack develop --path $PWD snn-dist@main
"""
from spack.package import *


class SnnDist(CMakePackage):
    """Distributed evaluation of trained networks as spiking networks with signGD neurons, with the same bits for any
    number of MPI ranks."""

    license("MIT")

    # There is no published archive yet: `spack develop` names the checkout.
    version("main")

    variant("onednn", default=False, description="Let `snn_dist bench` compare with oneDNN")
    variant("tests", default=False, description="Build the tests")
    variant("scripts", default=True, description="With the Python packages that the scripts need")

    depends_on("c", type="build")
    depends_on("cxx", type="build")
    depends_on("cmake@3.25:", type="build")
    depends_on("ninja", type="build")
    depends_on("pkgconfig", type="build")
    depends_on("mpi")
    depends_on("hdf5@1.10.7:1")
    depends_on("zlib")
    depends_on("zstd")
    depends_on("xxhash@0.8:")
    depends_on("protobuf-c")
    depends_on("py-onnx", type=("build", "run"))  # its onnx.proto; jobs/generate_network.py
    depends_on("tomlplusplus@3.2:")
    depends_on("onednn@2", when="+onednn")
    depends_on("cmocka", type="build", when="+tests")
    depends_on("python@3.9:", type="run", when="+scripts")
    depends_on("py-h5py", type="run", when="+scripts")
    depends_on("py-numpy", type="run", when="+scripts")
    depends_on("pil", type="run", when="+scripts")

    generator("ninja")

    def cmake_args(self):
        return [
            self.define_from_variant("SNN_DIST_ONEDNN", "onednn"),
            self.define_from_variant("BUILD_TESTING", "tests"),
            self.define("SNN_DIST_WERROR", False),
            self.define("SNN_ONNX_PROTO", find(self.spec["py-onnx"].prefix, "onnx.proto")[0]),
        ]

    @run_after("install")
    @on_package_attributes(run_tests=True)
    def smoke(self):
        Executable(join_path(self.prefix.share, "snn_dist", "jobs", "smoke.sh"))()
