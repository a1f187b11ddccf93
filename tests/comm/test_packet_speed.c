/* What the planner learns of packets: figures that can be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "comm/packet_speed.h"

static void packets_of_every_codec_have_a_speed(void **unused)
{
    (void)unused;
    const snn_link link = snn_machine_assumed().link;
    for (int i = 0; i < 2 * SNN_CODEC_COUNT; i++) {
        const int codec = i / 2;
        snn_packet_speed speed = {0};
        const snn_status status = snn_packet_speed_measure((snn_codec)codec, i % 2 != 0, &link, &speed);
        assert_string_equal(status.message, "");
        assert_true(speed.packet_seconds > 0 && speed.packet_seconds < 1);
        for (int payload = 0; payload < SNN_PAYLOADS; payload++) {
            assert_true(speed.encode_byte_seconds[payload] > 0 && speed.encode_byte_seconds[payload] < 1e-3);
            assert_true(speed.decode_byte_seconds[payload] > 0 && speed.decode_byte_seconds[payload] < 1e-3);
            assert_true(speed.ratio[payload] >= 1 && (codec != SNN_CODEC_RAW || speed.ratio[payload] == 1));
        }
    }
}

/* Over a link so slow that nothing else counts, the codec that sends least. */
static void slow_links_want_a_codec(void **unused)
{
    (void)unused;
    const snn_link slow = {.byte_seconds = 1.0}, fast = {.byte_seconds = 0.0};
    for (int windows = 0; windows < 2; windows++) {
        snn_packet_speed speed = {0};
        assert_false(snn_failed(snn_packet_speed_measure(SNN_CODEC_AUTO, windows != 0, &slow, &speed)));
        assert_true(speed.ratio[0] > 1.5);
        assert_false(snn_failed(snn_packet_speed_measure(SNN_CODEC_AUTO, windows != 0, &fast, &speed)));
        assert_true(speed.ratio[0] < 1.5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_of_every_codec_have_a_speed),
        cmocka_unit_test(slow_links_want_a_codec),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
