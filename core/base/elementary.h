/* Logarithms, powers, sines and cosines in double, for the few values that conversion and the folding of constants need
 * them for: of + - * / and exact functions of the C library (square roots, scaling by powers of two) only, so the bits
 * are the same whatever library there is. What loops over many values wants is in functions.h.
 *
 * Results are within 2^-40 of the exact ones, relative to them; rounded to float32 they are the nearest float but for
 * ties that are closer than that. NaN, infinities and signs of zero are as C says of log, pow, sin and cos. */
#ifndef SNN_BASE_ELEMENTARY_H
#define SNN_BASE_ELEMENTARY_H

/* Natural logarithm. */
double snn_elementary_log(double x);

/* x to the power of y; exact where x and y are whole numbers or quarters and the result and what leads to it are. */
double snn_elementary_power(double x, double y);

/* x in radians, of any size. */
double snn_elementary_sine(float x);
double snn_elementary_cosine(float x);

#endif
