#include <math.h>

#include "partition/planner.h"

/* Groups of images are what replicas share out and what fills a pipeline, so where there are few of them they are made
 * smaller. That costs next to nothing: the work for an image does not depend on how many others are with it. */

enum { ENOUGH = 8 /* groups for each rank: no layout is better off with more */ };

static const double WORTH = 0.98; /* of the time with larger groups */

static int64_t divide_up(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* As many as a rank has threads for. */
static int32_t least_of(const snn_planner_request *request)
{
    const bool one = request->objective == SNN_OBJECTIVE_LATENCY || request->machine == NULL;
    return one ? 1 : request->machine->threads;
}

/* What to try after groups of `size`: half as many, but not past what gives each rank a group. As many: nothing. */
static int32_t next_smaller(const snn_planner_request *request, int64_t images, int32_t size)
{
    const int64_t even = divide_up(images, request->ranks);
    const bool enough = divide_up(images, size) >= (int64_t)ENOUGH * request->ranks;
    if (request->ranks == 1 || request->objective == SNN_OBJECTIVE_MEMORY ||
        (enough && request->objective == SNN_OBJECTIVE_THROUGHPUT)) {
        return size;
    }
    const int32_t half = size / 2 < even && even < size ? (int32_t)even : size / 2, least = least_of(request);
    return half > least ? half : least < size ? least : size;
}

void snn_plan_divide_images(snn_planner_request *request, int64_t images, int32_t size)
{
    request->images = images > 0 && images < size ? (int32_t)images : size;
    request->groups = divide_up(images, request->images);
}

void snn_plan_occupy(snn_planner_request *request, int64_t images, const snn_plan *plan)
{
    const int64_t even = divide_up(images, plan->replicas), least = least_of(request);
    const int64_t size = even > least ? even : least;
    if (size < request->images) {
        snn_plan_divide_images(request, images, (int32_t)size);
    }
}

static snn_status find_seconds(const snn_network *network, const snn_planner_request *request, const snn_plan *plan,
                               double *seconds)
{
    snn_cost_model *model = NULL;
    SNN_TRY(snn_cost_model_create(network, request, &model));
    const snn_prediction predicted = snn_plan_predict(model, plan);
    *seconds = request->objective == SNN_OBJECTIVE_LATENCY ? predicted.group_seconds : predicted.seconds;
    snn_cost_model_destroy(model);
    return snn_ok();
}

snn_status snn_plan_make_groups(const snn_network *network, snn_planner_request *request, int64_t images,
                                snn_plan **plan)
{
    snn_planner_request tried = *request;
    double seconds = INFINITY;
    snn_plan_divide_images(request, images, request->images);
    SNN_TRY(snn_plan_make(network, request, plan));
    snn_status status = find_seconds(network, request, *plan, &seconds);
    int32_t size = request->images, smaller = next_smaller(request, images, size);
    for (; !snn_failed(status) && smaller < size; smaller = next_smaller(request, images, size)) {
        snn_plan *made = NULL;
        double less = INFINITY;
        size = smaller;
        snn_plan_divide_images(&tried, images, size);
        status = snn_plan_make(network, &tried, &made);
        status = snn_failed(status) ? status : find_seconds(network, &tried, made, &less);
        if (!snn_failed(status) && less < seconds * WORTH) {
            snn_plan *old = *plan;
            *plan = made;
            made = old;
            *request = tried;
            seconds = less;
        }
        snn_plan_destroy(made);
    }
    if (snn_failed(status)) {
        snn_plan_destroy(*plan);
        *plan = NULL;
        return status;
    }
    snn_plan_occupy(request, images, *plan);
    return status;
}
