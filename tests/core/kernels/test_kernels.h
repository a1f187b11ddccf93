/* The tests of the kernels' one executable, each file's. */
#ifndef TESTS_KERNELS_TEST_KERNELS_H
#define TESTS_KERNELS_TEST_KERNELS_H

/* test_projections.c */
void test_convolution(void **state);
void test_dense(void **state);
void test_diagonal(void **state);
void test_gather(void **state);
void test_tokens(void **state);
void test_known_product(void **state);
void test_pack_limits(void **state);
void test_codes(void **state);

/* test_neurons.c */
void test_fire(void **state);

/* test_windows.c */
void test_windows(void **state);

/* test_images.c */
void test_images(void **state);

/* test_streams.c */
void test_streams(void **state);

/* test_nary.c */
void test_nary(void **state);

#endif
