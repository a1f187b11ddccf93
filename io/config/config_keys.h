/* Every key of the configuration, in one table that drives parsing, checks, defaults, the effective configuration and
 * the help. Private to io/config*.c: others read the struct of io/config/config.h. */
#ifndef SNN_IO_CONFIG_KEYS_H
#define SNN_IO_CONFIG_KEYS_H

#include "io/config/config.h"
#include "io/config/toml.h"

typedef enum snn_config_type {
    SNN_CONFIG_PATH,    /* char[SNN_PATH_BYTES] */
    SNN_CONFIG_WORD,    /* an enum, of one of `words` */
    SNN_CONFIG_INT32,   /* int32_t */
    SNN_CONFIG_INT64,   /* int64_t */
    SNN_CONFIG_REAL,    /* double */
    SNN_CONFIG_NUMBERS, /* double[SNN_MAX_IMAGE_CHANNELS], with their number as int32_t at `count_offset` */
    SNN_CONFIG_TABLE    /* double *, owned, with their number as size_t at `count_offset` */
} snn_config_type;

enum { SNN_CONFIG_UNAVAILABLE = -1 }; /* value of a word that is known, but not available in this version */

typedef struct snn_config_word {
    const char *name; /* NULL ends a list of words */
    int value;
} snn_config_word;

typedef struct snn_config_key {
    const char *section, *name;
    snn_config_type type;
    size_t offset, count_offset;  /* in snn_config */
    const snn_config_word *words; /* SNN_CONFIG_WORD */
    double minimum, maximum;      /* numbers, and each number of an array; INFINITY: no maximum */
    bool above_minimum;           /* the minimum itself is refused */
    bool may_be_empty;            /* SNN_CONFIG_PATH: "" has a meaning */
    const char *fallback;         /* default as a TOML value; NULL: none, or made from other keys */
    const char *example;          /* where there is no fallback: a value that makes sense */
    bool needed;                  /* by a run that converts a model */
    const char *meaning;
} snn_config_key;

enum { SNN_CONFIG_KEYS = 49, SNN_CONFIG_SECTIONS = 8 };
extern const snn_config_key snn_config_keys[SNN_CONFIG_KEYS];

typedef struct snn_config_section {
    const char *name, *meaning;
} snn_config_section;

extern const snn_config_section snn_config_sections[SNN_CONFIG_SECTIONS];

/* The key called "section.key", or NULL. */
const snn_config_key *snn_config_find(const char *name);
/* The section of that name, or NULL. */
const snn_config_section *snn_config_find_section(const char *name);

/* The failure for an entry that is no key: what it may have been meant to be. */
snn_status snn_config_unknown(const snn_toml_entry *entry);

/* "a string", "an integer" */
const char *snn_config_article(const char *noun);

/* "an integer": what a value of that type is called. */
const char *snn_config_type_name(snn_config_type type);

/* What values the key takes ("an integer from 1 to 65536"), into `text`. */
enum { SNN_CONFIG_EXPECTATION_BYTES = 200 };
void snn_config_expectation(const snn_config_key *key, char text[SNN_CONFIG_EXPECTATION_BYTES]);

/* Checks the entry's value and stores it in `config`. A relative path gets `folder` (with its slash, or "") in front.
 */
snn_status snn_config_store(const snn_config_key *key, const snn_toml_entry *entry, const char *folder,
                            snn_config *config);

/* The effective configuration as TOML; snn_release it. */
snn_status snn_config_write_text(const snn_config *config, char **text);

/* Address of the key's value, and of the number of values of an array. */
static inline const void *snn_config_field(const snn_config_key *key, const snn_config *config)
{
    return (const char *)config + key->offset;
}

static inline size_t snn_config_count(const snn_config_key *key, const snn_config *config)
{
    const void *count = (const char *)config + key->count_offset;
    return key->type == SNN_CONFIG_NUMBERS ? (size_t) * (const int32_t *)count : *(const size_t *)count;
}

#endif
