/* Images of a group: fewer than asked for where ranks would have nothing to do, or a pipeline too little to fill with.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/partition/planner_fixture.h"

/* The plan for so many images, and what became of the request. */
static snn_plan *make_groups(const snn_network *network, snn_planner_request *request, int64_t images)
{
    snn_plan *plan;
    const snn_status status = snn_plan_make_groups(network, request, images, &plan);
    assert_string_equal(status.message, "");
    assert_true(request->groups * request->images >= images && (request->groups - 1) * request->images < images);
    return plan;
}

static double seconds_of(const snn_network *network, const snn_planner_request *request, const snn_plan *plan)
{
    snn_cost_model *model;
    assert_false(snn_failed(snn_cost_model_create(network, request, &model)));
    const double seconds = snn_plan_predict(model, plan).seconds;
    snn_cost_model_destroy(model);
    return seconds;
}

static void replicas_get_images(void **unused)
{
    (void)unused;
    sample_network sample;
    uint32_t seed = 5;
    build_random(&sample, &seed, 8);
    for (int32_t images = 1; images <= 40; images++) {
        for (int32_t ranks = 1; ranks <= 32; ranks *= 2) {
            snn_planner_request request = REQUEST, large = REQUEST;
            request.ranks = large.ranks = ranks;
            request.stages = request.channels = large.stages = large.channels = 1;
            snn_plan *plan = make_groups(&sample.network, &request, images);
            snn_plan_divide_images(&large, images, large.images);
            /* As if images came one by one: the fullest replica has as few as can be, to a group. */
            const int32_t fewest = (images + ranks - 1) / ranks;
            const int64_t rounds = (request.groups + ranks - 1) / ranks;
            assert_true(ranks == 1 || rounds * request.images < fewest + request.images || request.images <= fewest);
            assert_true(seconds_of(&sample.network, &request, plan) <= seconds_of(&sample.network, &large, plan));
            snn_plan_destroy(plan);
        }
    }
}

static void many_images_stay_together(void **unused)
{
    (void)unused;
    sample_network sample;
    uint32_t seed = 6;
    build_random(&sample, &seed, 8);
    snn_planner_request request = REQUEST;
    request.ranks = 4;
    snn_plan_destroy(make_groups(&sample.network, &request, 16 * 8 * 4));
    assert_int_equal(request.images, 16);
    assert_int_equal(request.groups, 8 * 4);
    request.ranks = 1;
    snn_plan_destroy(make_groups(&sample.network, &request, 20));
    assert_int_equal(request.images, 16);
}

/* A pipeline of stages wants more items than stages. */
static void pipelines_are_filled(void **unused)
{
    (void)unused;
    sample_network sample;
    uint32_t seed = 7;
    build_random(&sample, &seed, 8);
    snn_planner_request request = REQUEST;
    request.ranks = request.stages = 8;
    request.block = request.timesteps; /* a group is an item */
    snn_plan_destroy(make_groups(&sample.network, &request, 16));
    assert_true(request.images <= 4);
}

static void latency_is_that_of_one_image(void **unused)
{
    (void)unused;
    sample_network sample;
    uint32_t seed = 8;
    build_random(&sample, &seed, 8);
    snn_planner_request request = REQUEST;
    request.ranks = 4;
    request.objective = SNN_OBJECTIVE_LATENCY;
    snn_plan_destroy(make_groups(&sample.network, &request, 1000));
    assert_int_equal(request.images, 1);
}

static void threads_have_an_image_each(void **unused)
{
    (void)unused;
    sample_network sample;
    uint32_t seed = 9;
    build_random(&sample, &seed, 8);
    snn_machine machine = snn_machine_assumed();
    machine.threads = 4;
    snn_planner_request request = REQUEST;
    request.ranks = 8;
    request.machine = &machine;
    snn_plan_destroy(make_groups(&sample.network, &request, 20));
    assert_int_equal(request.images, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replicas_get_images),        cmocka_unit_test(many_images_stay_together),
        cmocka_unit_test(pipelines_are_filled),       cmocka_unit_test(latency_is_that_of_one_image),
        cmocka_unit_test(threads_have_an_image_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
