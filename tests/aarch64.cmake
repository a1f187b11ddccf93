# Builds for 64-bit ARM with Debian's cross compiler, against the packages in build/aarch64.root, and runs what it builds
# in QEMU: tests/aarch64.sh makes that root.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
get_filename_component(CMAKE_SYSROOT ${CMAKE_CURRENT_LIST_DIR}/../build/aarch64.root ABSOLUTE)
set(CMAKE_FIND_ROOT_PATH ${CMAKE_SYSROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L ${CMAKE_SYSROOT})

set(library_folder ${CMAKE_SYSROOT}/usr/lib/aarch64-linux-gnu)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${CMAKE_SYSROOT})
set(ENV{PKG_CONFIG_LIBDIR} ${library_folder}/pkgconfig:${CMAKE_SYSROOT}/usr/share/pkgconfig)
# Open MPI's wrapper, which would be asked, is a program of the other machine.
set(MPI_C_COMPILER ${CMAKE_C_COMPILER})
set(MPI_C_HEADER_DIR ${library_folder}/openmpi/include)
set(MPI_C_LIB_NAMES mpi)
set(MPI_mpi_LIBRARY ${library_folder}/libmpi.so.40)
# Debian's gcc 12 for this architecture stops with an internal error where -O3 makes vector code of a maximum of doubles;
# kernels ask for -O3 themselves.
set(CMAKE_C_FLAGS_RELEASE "-O2 -DNDEBUG" CACHE STRING "")
