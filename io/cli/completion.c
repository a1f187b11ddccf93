/* Completions of bash, zsh and fish. A small function of each shell does the work; what there is to choose from is
 * written out of the tables. */
#include <stdbool.h>
#include <string.h>

#include "io/cli/help.h"
#include "io/cli/pages.h"
#include "io/config/config.h"

/* ---- what may stand in a place ---- */

typedef struct choices {
    char words[200];   /* separated by blanks, as is the next */
    char endings[100]; /* of files, without the dot; "*": any file */
    bool folders, keys;
} choices;

static void add_name(char *list, size_t bytes, const char *name, size_t length)
{
    const size_t at = strlen(list);
    for (const char *c = list; (c = strchr(c, name[0])) != NULL; c++) {
        const bool begins = c == list || c[-1] == ' ';
        if (begins && strncmp(c, name, length) == 0 && (c[length] == ' ' || c[length] == '\0')) {
            return;
        }
    }
    (void)snprintf(list + at, bytes - at, "%s%.*s", at == 0 ? "" : " ", (int)length, name);
}

static bool is_word(const char *text, size_t length, const char *word)
{
    return length == strlen(word) && strncmp(text, word, length) == 0;
}

/* One alternative of a value, as io/cli/verbs.h tells them apart. */
static void add_alternative(const char *text, size_t length, bool single, choices *found)
{
    size_t dot = length;
    while (dot > 0 && text[dot - 1] != '.') {
        dot--;
    }
    if (is_word(text, length, "section.key=value")) {
        found->keys = true;
    } else if (is_word(text, length, "FILE")) {
        add_name(found->endings, sizeof found->endings, "*", 1);
    } else if (is_word(text, length, "DIRECTORY")) {
        found->folders = true;
    } else if (dot > 0) {
        add_name(found->endings, sizeof found->endings, text + dot, length - dot);
    } else if (!single) {
        add_name(found->words, sizeof found->words, text, length);
    }
}

/* "auto|never|FILE" of `length` characters. */
static void add_value(const char *text, size_t length, choices *found)
{
    const bool single = memchr(text, '|', length) == NULL;
    for (size_t begin = 0; begin < length;) {
        const char *bar = memchr(text + begin, '|', length - begin);
        const size_t end = bar != NULL ? (size_t)(bar - text) : length;
        add_alternative(text + begin, end - begin, single, found);
        begin = end + 1;
    }
}

static choices choices_of_option(const snn_verb_option *option)
{
    choices found = {.words = ""};
    if (option->value != NULL) {
        add_value(option->value, strlen(option->value), &found);
    }
    return found;
}

/* Of the arguments before the options in the usage line: "bench [CONFIG.toml] [options]". */
static choices choices_of_arguments(const snn_verb *verb)
{
    choices found = {.words = ""};
    const char *at = verb->usage + strcspn(verb->usage, " ");
    while (*at == ' ') {
        at += 1 + (at[1] == '[');
        const size_t length = strcspn(at, " ]");
        if (*at == '-') {
            break;
        }
        add_value(at, length, &found);
        at += length;
        at += *at == ']';
    }
    return found;
}

/* ---- quoting: inside of single quotes ---- */

static void put_quoted(FILE *out, const char *text, const char *special, const char *quote)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            (void)fputs(quote, out);
        } else if (strchr(special, *text) != NULL) {
            (void)fprintf(out, "\\%c", *text);
        } else {
            (void)fputc(*text, out);
        }
    }
}

static void put_zsh(FILE *out, const char *text)
{
    put_quoted(out, text, "[]:\\", "'\\''");
}

static void put_fish(FILE *out, const char *text)
{
    put_quoted(out, text, "\\", "\\'");
}

/* ---- bash ---- */

/* Nothing but bash itself is needed. '=' separates words for bash, so they are found in the line again, and what is
 * offered after one is only what follows it. */
static const char bash_function[] =
    "_snn_dist() {\n"
    "  local line=${COMP_LINE:0:COMP_POINT} current='' previous verb words='' endings='' folders='' option key ending\n"
    "  local -a typed\n"
    "  read -r -a typed <<<\"$line\"\n"
    "  if [[ $line != *[[:space:]] ]]; then\n"
    "    current=${typed[${#typed[@]} - 1]}\n"
    "    unset \"typed[${#typed[@]} - 1]\"\n"
    "  fi\n"
    "  previous=${typed[${#typed[@]} - 1]} verb=${typed[1]-} COMPREPLY=()\n"
    "  [[ $verb == *.toml ]] && verb=run\n"
    "  if [[ $current == --*=* ]]; then\n"
    "    previous=${current%%=*} current=${current#*=}\n"
    "  fi\n"
    "  if [[ -z $verb ]]; then\n"
    "    words=\"$_snn_dist_verbs --help --version\" endings=toml\n"
    "  elif _snn_dist_value \"$verb\" \"$previous\"; then\n"
    "    if [[ $words == KEYS ]]; then\n"
    "      words=$_snn_dist_keys\n"
    "      if [[ $current == *=* ]]; then\n"
    "        key=${current%%=*} current=${current#*=}\n"
    "        _snn_dist_key \"$key\"\n"
    "      else\n"
    "        compopt -o nospace\n"
    "      fi\n"
    "    fi\n"
    "  elif [[ $current == -* ]]; then\n"
    "    words=$(_snn_dist_options \"$verb\")\n"
    "  else\n"
    "    _snn_dist_arguments \"$verb\"\n"
    "  fi\n"
    "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
    "  if [[ -n $endings$folders ]]; then\n"
    "    compopt -o filenames\n"
    "    mapfile -t -O \"${#COMPREPLY[@]}\" COMPREPLY < <(compgen -d -- \"$current\")\n"
    "  fi\n"
    "  set -f\n"
    "  for ending in $endings; do\n"
    "    [[ $ending == '*' ]] || ending=\"*.$ending\"\n"
    "    mapfile -t -O \"${#COMPREPLY[@]}\" COMPREPLY < <(\n"
    "      compgen -f -X \"!$ending\" -- \"$current\" | while IFS= read -r option; do\n"
    "        [[ -d $option ]] || printf '%s\\n' \"$option\"\n"
    "      done)\n"
    "  done\n"
    "  set +f\n"
    "}\n"
    "complete -F _snn_dist snn_dist\n";

static void put_bash_choices(FILE *out, const choices *found)
{
    (void)fprintf(out, "words='%s' endings='%s' folders='%s' ;;\n", found->keys ? "KEYS" : found->words, found->endings,
                  found->folders ? "yes" : "");
}

static void put_bash_options(FILE *out, const snn_verb *verb)
{
    (void)fprintf(out, "    %s) echo '--help", verb->name);
    for (const snn_verb_option *option = verb->options; option != NULL && option->name != NULL; option++) {
        if (option->name[0] == '-') {
            (void)fprintf(out, " %s", option->name);
        }
    }
    (void)fputs("' ;;\n", out);
}

static void put_bash_values(FILE *out, const snn_verb *verb)
{
    for (const snn_verb_option *option = verb->options; option != NULL && option->name != NULL; option++) {
        if (option->value != NULL) {
            const choices found = choices_of_option(option);
            (void)fprintf(out, "    '%s %s') ", verb->name, option->name);
            put_bash_choices(out, &found);
        }
    }
}

static void put_bash_arguments(FILE *out, const snn_verb *verb)
{
    const choices found = choices_of_arguments(verb);
    (void)fprintf(out, "    %s) ", verb->name);
    put_bash_choices(out, &found);
}

static void put_for_verbs(FILE *out, void (*put)(FILE *out, const snn_verb *verb))
{
    for (const snn_verb *const *verb = snn_verbs; *verb != NULL; verb++) {
        if ((*verb)->summary != NULL) {
            put(out, *verb);
        }
    }
}

static void put_verb_name(FILE *out, const snn_verb *verb)
{
    (void)fprintf(out, " %s", verb->name);
}

static void put_key_name(void *context, const snn_config_description *key)
{
    (void)fprintf(context, " %s.%s=", key->section, key->name);
}

static void put_bash_key(void *context, const snn_config_description *key)
{
    if (key->words[0] != '\0' || key->path) {
        (void)fprintf(context, "    %s.%s) words='%s' endings='%s' ;;\n", key->section, key->name, key->words,
                      key->path ? "*" : "");
    }
}

void snn_pages_bash(FILE *out)
{
    (void)fputs("# Completion of snn_dist for bash, written by the program.\n\n_snn_dist_verbs='", out);
    put_for_verbs(out, put_verb_name);
    (void)fputs("'\n_snn_dist_keys='", out);
    snn_config_describe(put_key_name, out);
    (void)fputs("'\n\n_snn_dist_options() {\n  case $1 in\n", out);
    put_for_verbs(out, put_bash_options);
    (void)fputs(
        "  esac\n}\n\n# What follows an option; fails if nothing does.\n_snn_dist_value() {\n  case \"$1 $2\" in\n",
        out);
    put_for_verbs(out, put_bash_values);
    (void)fputs("    *) return 1 ;;\n  esac\n}\n\n_snn_dist_arguments() {\n  case $1 in\n", out);
    put_for_verbs(out, put_bash_arguments);
    (void)fputs("  esac\n}\n\n# The values of a key.\n_snn_dist_key() {\n  words=''\n  case $1 in\n", out);
    snn_config_describe(put_bash_key, out);
    (void)fputs("  esac\n}\n\n", out);
    (void)fputs(bash_function, out);
}

/* ---- zsh ---- */

static const char zsh_functions[] = "# _snn_dist_pick WORDS ENDINGS FOLDERS\n"
                                    "_snn_dist_pick() {\n"
                                    "  local -a choices endings\n"
                                    "  choices=(${=1}) endings=(${=2})\n"
                                    "  (( $#choices )) && compadd -a choices\n"
                                    "  [[ $2 == '*' ]] && _files\n"
                                    "  [[ -n $2 && $2 != '*' ]] && _files -g \"*.(${(j:|:)endings})\"\n"
                                    "  [[ -n $3 ]] && _files -/\n"
                                    "}\n\n"
                                    "_snn_dist_set() {\n"
                                    "  if compset -P 1 '*='; then\n"
                                    "    _snn_dist_key ${IPREFIX%%=*}\n"
                                    "  else\n"
                                    "    compadd -S '' -a _snn_dist_keys\n"
                                    "  fi\n"
                                    "}\n\n";

static void put_zsh_action(FILE *out, const choices *found)
{
    if (found->keys) {
        (void)fputs(" _snn_dist_set", out);
    } else {
        (void)fprintf(out, " _snn_dist_pick \"%s\" \"%s\" \"%s\"", found->words, found->endings,
                      found->folders ? "yes" : "");
    }
}

static void put_zsh_verb(FILE *out, const snn_verb *verb)
{
    (void)fprintf(out, "    %s) _arguments '--help[how to use it]'", verb->name);
    for (const snn_verb_option *option = verb->options; option != NULL && option->name != NULL; option++) {
        if (option->name[0] != '-') {
            continue;
        }
        const choices found = choices_of_option(option);
        (void)fprintf(out, " \\\n      '%s%s[", found.keys ? "*" : "", option->name);
        put_zsh(out, option->meaning);
        (void)fputc(']', out);
        if (option->value != NULL) {
            (void)fputc(':', out);
            put_zsh(out, option->value);
            (void)fputc(':', out);
            put_zsh_action(out, &found);
        }
        (void)fputc('\'', out);
    }
    const choices arguments = choices_of_arguments(verb);
    (void)fputs(" \\\n      '*:file:", out);
    put_zsh_action(out, &arguments);
    (void)fputs("' ;;\n", out);
}

static void put_zsh_summary(FILE *out, const snn_verb *verb)
{
    (void)fprintf(out, "    '%s:", verb->name);
    put_quoted(out, verb->summary, "\\:", "'\\''");
    (void)fputs("'\n", out);
}

static void put_zsh_key(void *context, const snn_config_description *key)
{
    if (key->words[0] != '\0' || key->path) {
        (void)fprintf(context, "    %s.%s) _snn_dist_pick '%s' '%s' '' ;;\n", key->section, key->name, key->words,
                      key->path ? "*" : "");
    }
}

void snn_pages_zsh(FILE *out)
{
    (void)fputs("#compdef snn_dist\n# Completion of snn_dist for zsh, written by the program.\n\n"
                "typeset -ga _snn_dist_keys\n_snn_dist_keys=(",
                out);
    snn_config_describe(put_key_name, out);
    (void)fputs(")\n\n_snn_dist_key() {\n  case $1 in\n", out);
    snn_config_describe(put_zsh_key, out);
    (void)fputs("  esac\n}\n\n", out);
    (void)fputs(zsh_functions, out);
    (void)fputs("_snn_dist() {\n  local -a verbs\n  verbs=(\n", out);
    put_for_verbs(out, put_zsh_summary);
    (void)fputs("  )\n"
                "  if (( CURRENT == 2 )); then\n"
                "    _describe command verbs\n"
                "    _files -g '*.toml'\n"
                "    return\n"
                "  fi\n"
                "  shift words\n"
                "  (( CURRENT-- ))\n"
                "  [[ $words[1] == *.toml ]] && words[1]=run\n"
                "  case $words[1] in\n",
                out);
    put_for_verbs(out, put_zsh_verb);
    (void)fputs("  esac\n}\n\n_snn_dist \"$@\"\n", out);
}

/* ---- fish ---- */

static const char fish_functions[] = "function __snn_dist_verb # the verb typed so far, or `none`\n"
                                     "    set -l typed (commandline -opc)\n"
                                     "    if test (count $typed) -lt 2\n"
                                     "        echo none\n"
                                     "    else if string match -q '*.toml' -- $typed[2]\n"
                                     "        echo run\n"
                                     "    else\n"
                                     "        echo $typed[2]\n"
                                     "    end\n"
                                     "end\n\n";

static void put_fish_choices(FILE *out, const choices *found)
{
    if (found->keys) {
        (void)fputs(" -a '(__snn_dist_keys)'", out);
    }
    if (found->words[0] != '\0') {
        (void)fprintf(out, " -a '%s'", found->words);
    }
    char endings[sizeof found->endings];
    memcpy(endings, found->endings, sizeof endings);
    for (char *ending = endings; ending[0] != '\0';) {
        const size_t length = strcspn(ending, " ");
        if (ending[0] == '*') {
            (void)fputs(" -F", out);
        } else {
            (void)fprintf(out, " -a '(__fish_complete_suffix .%.*s)'", (int)length, ending);
        }
        ending += length + (ending[length] == ' ');
    }
    if (found->folders) {
        (void)fputs(" -a '(__fish_complete_directories)'", out);
    }
}

static void put_fish_verb(FILE *out, const snn_verb *verb)
{
    (void)fprintf(out, "complete -c snn_dist -n 'test (__snn_dist_verb) = none' -a %s -d '", verb->name);
    put_fish(out, verb->summary);
    (void)fputs("'\n", out);
    const choices arguments = choices_of_arguments(verb);
    if (arguments.endings[0] != '\0') {
        (void)fprintf(out, "complete -c snn_dist -n 'test (__snn_dist_verb) = %s'", verb->name);
        put_fish_choices(out, &arguments);
        (void)fputc('\n', out);
    }
    for (const snn_verb_option *option = verb->options; option != NULL && option->name != NULL; option++) {
        if (option->name[0] != '-') {
            continue;
        }
        const choices found = choices_of_option(option);
        const bool is_long = option->name[1] == '-', any_file = strchr(found.endings, '*') != NULL;
        (void)fprintf(out, "complete -c snn_dist -n 'test (__snn_dist_verb) = %s' -%c %s%s", verb->name,
                      is_long ? 'l' : 's', option->name + (is_long ? 2 : 1),
                      option->value == NULL ? ""
                      : any_file            ? " -r"
                                            : " -x");
        put_fish_choices(out, &found);
        (void)fputs(" -d '", out);
        put_fish(out, option->meaning);
        (void)fputs("'\n", out);
    }
}

static void put_fish_key(void *context, const snn_config_description *key)
{
    FILE *out = context;
    (void)fprintf(out, "    printf '%%s\\t%%s\\n' %s.%s= '", key->section, key->name);
    put_fish(out, key->meaning);
    (void)fputs("'\n", out);
    choices found = {.words = ""};
    (void)snprintf(found.words, sizeof found.words, "%s", key->words);
    for (const char *word = found.words; word[0] != '\0';) {
        const size_t length = strcspn(word, " ");
        (void)fprintf(out, "    echo %s.%s=%.*s\n", key->section, key->name, (int)length, word);
        word += length + (word[length] == ' ');
    }
}

void snn_pages_fish(FILE *out)
{
    (void)fputs("# Completion of snn_dist for fish, written by the program.\n\nfunction __snn_dist_keys\n", out);
    snn_config_describe(put_fish_key, out);
    (void)fputs("end\n\n", out);
    (void)fputs(fish_functions, out);
    (void)fputs("complete -c snn_dist -f\n"
                "complete -c snn_dist -n 'test (__snn_dist_verb) = none' -a '(__fish_complete_suffix .toml)'\n"
                "complete -c snn_dist -n 'test (__snn_dist_verb) = none' -l version -d 'version and libraries'\n"
                "complete -c snn_dist -l help -d 'how to use it'\n",
                out);
    put_for_verbs(out, put_fish_verb);
}
