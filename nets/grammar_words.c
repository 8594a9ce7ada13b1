/* Text of a grammar -> tree of its rules -> states joined by words.
 *
 *   grammar  = rule { rule }
 *   rule     = "$name" "=" choice
 *   choice   = sequence { "|" sequence }
 *   sequence = part { part }
 *   part     = ( word | "$name" | "(" choice ")" | "[" choice "]" ) [ "*" | "+" ]
 *
 * Method: recursive descent; Thompson 1968, "Regular expression search algorithm". */
#include "nets/grammar_words.h"

#include <stdlib.h>
#include <string.h>

enum token { END = 0, WORD = 'w', NAME = '$' }; /* else the character itself */

enum kind { IS_WORD, IS_RULE, IS_SEQUENCE, IS_CHOICE, IS_OPTION, IS_STAR, IS_PLUS };

enum { NONE = -1 };

struct item {
    enum kind kind;
    int line;
    int child, next;  /* the first child; the next child of the same parent */
    const char *text; /* IS_WORD, IS_RULE: the word, the name without its $ */
    int bytes;
    int rule; /* IS_RULE: which one */
};

struct rule {
    const char *name;
    int bytes, line, body;
    int busy; /* being expanded: to meet it again is a recursion */
};

struct parser {
    const char *at, *end;
    int line; /* where `at` is */
    int token, token_line;
    const char *text; /* of a WORD or NAME */
    int bytes;
    struct item *items;
    int item_count, item_room;
    struct rule *rules; /* [VIS_GRAMMAR_MAX_RULES] */
    int rule_count;
    int depth;
    struct vis_grammar_words *out;
    viseme_error *err;
};

static viseme_status bad(struct parser *p, int line, const char *what)
{
    return vis_fail(p->err, VISEME_ERR_ARGUMENT, "grammar, line %d: %s", line, what);
}

static viseme_status too_deep(struct parser *p, int line)
{
    return vis_fail(p->err, VISEME_ERR_LIMIT,
                    "grammar, line %d: more than %d rules and brackets within one another", line,
                    VIS_GRAMMAR_MAX_DEPTH);
}

/* ---- Tokens ------------------------------------------------------------------------------ */

static int is_special(char c)
{
    return (unsigned char)c <= 0x20 || c == 0x7F || (c && strchr("$=|()[]*+#", c));
}

/* Reads the next token into p->token. */
static viseme_status advance(struct parser *p)
{
    while (p->at < p->end &&
           (*p->at == ' ' || *p->at == '\t' || *p->at == '\r' || *p->at == '\n' || *p->at == '#')) {
        if (*p->at == '#')
            while (p->at + 1 < p->end && p->at[1] != '\n')
                p->at++;
        p->line += *p->at == '\n';
        p->at++;
    }
    p->token_line = p->line;
    p->token = END;
    if (p->at == p->end)
        return VISEME_OK;
    char c = *p->at;
    int name = c == '$';
    if (!name && is_special(c)) {
        if ((unsigned char)c < 0x20 || c == 0x7F)
            return bad(p, p->line, "a control character");
        p->token = c;
        p->at++;
        return VISEME_OK;
    }
    p->at += name;
    p->text = p->at;
    while (p->at < p->end && !is_special(*p->at))
        p->at++;
    p->bytes = (int)(p->at - p->text);
    p->token = name ? NAME : WORD;
    if (p->bytes == 0)
        return bad(p, p->line, "a $ without a name");
    return VISEME_OK;
}

/* ---- Text -> tree ------------------------------------------------------------------------ */

static viseme_status new_item(struct parser *p, enum kind kind, int child, int *out)
{
    if (p->item_count == p->item_room) {
        int room = p->item_room ? 2 * p->item_room : 256;
        struct item *items = realloc(p->items, (size_t)room * sizeof *items);
        if (!items)
            return vis_fail_nomem(p->err, (size_t)room * sizeof *items);
        p->items = items;
        p->item_room = room;
    }
    *out = p->item_count++;
    p->items[*out] = (struct item){kind, p->token_line, child, NONE, p->text, p->bytes, NONE};
    return VISEME_OK;
}

static viseme_status parse_choice(struct parser *p, int *out);

static viseme_status parse_brackets(struct parser *p, int *out)
{
    int open = p->token, line = p->token_line;
    viseme_status status = advance(p);
    if (status == VISEME_OK)
        status = parse_choice(p, out);
    if (status != VISEME_OK)
        return status;
    if (p->token != (open == '(' ? ')' : ']'))
        return vis_fail(p->err, VISEME_ERR_ARGUMENT,
                        "grammar, line %d: the %c of line %d is not closed", p->token_line, open,
                        line);
    status = advance(p);
    return status == VISEME_OK && open == '[' ? new_item(p, IS_OPTION, *out, out) : status;
}

static viseme_status parse_part(struct parser *p, int *out)
{
    viseme_status status;
    if (p->token == '(' || p->token == '[') {
        status = parse_brackets(p, out);
    } else if (p->token == WORD || p->token == NAME) {
        status = new_item(p, p->token == WORD ? IS_WORD : IS_RULE, NONE, out);
        if (status == VISEME_OK)
            status = advance(p);
    } else {
        status = bad(p, p->token_line, "expected a word, a $rule or an opening bracket");
    }
    if (status != VISEME_OK || (p->token != '*' && p->token != '+'))
        return status;
    status = new_item(p, p->token == '*' ? IS_STAR : IS_PLUS, *out, out);
    if (status == VISEME_OK)
        status = advance(p);
    if (status == VISEME_OK && (p->token == '*' || p->token == '+'))
        status = bad(p, p->token_line, "only one * or + may follow a part");
    return status;
}

/* Whether a name that begins the next rule, and not a part, comes next. */
static int at_rule(const struct parser *p)
{
    const char *s = p->at;
    if (p->token != NAME)
        return 0;
    while (s < p->end && (*s == ' ' || *s == '\t'))
        s++;
    return s < p->end && *s == '=';
}

static viseme_status parse_sequence(struct parser *p, int *out)
{
    viseme_status status = new_item(p, IS_SEQUENCE, NONE, out);
    int last = NONE, part = NONE;
    while (status == VISEME_OK) {
        status = parse_part(p, &part);
        if (status != VISEME_OK)
            break;
        if (last == NONE)
            p->items[*out].child = part;
        else
            p->items[last].next = part;
        last = part;
        if (p->token == END || p->token == '|' || p->token == ')' || p->token == ']' || at_rule(p))
            break;
    }
    return status;
}

static viseme_status parse_choice(struct parser *p, int *out)
{
    int last = NONE, sequence = NONE;
    if (p->depth == VIS_GRAMMAR_MAX_DEPTH)
        return too_deep(p, p->token_line);
    p->depth++;
    viseme_status status = new_item(p, IS_CHOICE, NONE, out);
    while (status == VISEME_OK) {
        status = parse_sequence(p, &sequence);
        if (status != VISEME_OK)
            break;
        if (last == NONE)
            p->items[*out].child = sequence;
        else
            p->items[last].next = sequence;
        last = sequence;
        if (p->token != '|')
            break;
        status = advance(p);
    }
    p->depth--;
    return status;
}

static int find_rule(const struct parser *p, const char *name, int bytes)
{
    for (int i = 0; i < p->rule_count; i++)
        if (p->rules[i].bytes == bytes && memcmp(p->rules[i].name, name, (size_t)bytes) == 0)
            return i;
    return NONE;
}

static viseme_status parse_rule(struct parser *p)
{
    if (!at_rule(p))
        return bad(p, p->token_line, "expected a rule: $name = ...");
    int before = find_rule(p, p->text, p->bytes);
    if (before != NONE)
        return vis_fail(p->err, VISEME_ERR_ARGUMENT,
                        "grammar, line %d: the rule $%.*s is in line %d already", p->token_line,
                        p->bytes, p->text, p->rules[before].line);
    if (p->rule_count == VIS_GRAMMAR_MAX_RULES)
        return vis_fail(p->err, VISEME_ERR_LIMIT, "grammar, line %d: more than %d rules",
                        p->token_line, VIS_GRAMMAR_MAX_RULES);
    struct rule *rule = &p->rules[p->rule_count++];
    *rule = (struct rule){p->text, p->bytes, p->token_line, NONE, 0};
    viseme_status status = advance(p); /* the = */
    if (status == VISEME_OK)
        status = advance(p);
    return status == VISEME_OK ? parse_choice(p, &rule->body) : status;
}

static viseme_status parse(struct parser *p)
{
    viseme_status status = advance(p);
    if (status == VISEME_OK && p->token == END)
        return bad(p, p->token_line, "there is no rule");
    while (status == VISEME_OK && p->token != END)
        status = parse_rule(p);
    for (int i = 0; i < p->item_count && status == VISEME_OK; i++) {
        struct item *item = &p->items[i];
        if (item->kind != IS_RULE)
            continue;
        item->rule = find_rule(p, item->text, item->bytes);
        if (item->rule == NONE)
            status =
                vis_fail(p->err, VISEME_ERR_ARGUMENT, "grammar, line %d: there is no rule $%.*s",
                         item->line, item->bytes, item->text);
    }
    return status;
}

/* ---- Tree -> states ---------------------------------------------------------------------- */

static viseme_status add_arc(struct parser *p, int from, int to, const struct item *word)
{
    struct vis_grammar_words *out = p->out;
    if (out->arc_count == out->arc_room) {
        if (out->arc_count >= VIS_GRAMMAR_MAX_EDGES)
            return vis_fail(p->err, VISEME_ERR_LIMIT,
                            "the grammar is too large: more than %d words and joints",
                            VIS_GRAMMAR_MAX_EDGES);
        int room = out->arc_room ? 2 * out->arc_room : 256;
        struct vis_grammar_arc *arcs = realloc(out->arcs, (size_t)room * sizeof *arcs);
        if (!arcs)
            return vis_fail_nomem(p->err, (size_t)room * sizeof *arcs);
        out->arcs = arcs;
        out->arc_room = room;
    }
    out->arcs[out->arc_count++] =
        word ? (struct vis_grammar_arc){from, to, word->text, word->bytes, word->line}
             : (struct vis_grammar_arc){from, to, NULL, 0, 0};
    return VISEME_OK;
}

static viseme_status expand(struct parser *p, int i, int from, int to);

static viseme_status expand_rule(struct parser *p, const struct item *item, int from, int to)
{
    struct rule *rule = &p->rules[item->rule];
    if (rule->busy)
        return vis_fail(p->err, VISEME_ERR_ARGUMENT,
                        "grammar, line %d: $%.*s leads back to itself; repeat with * or + instead",
                        item->line, item->bytes, item->text);
    rule->busy = 1;
    viseme_status status = expand(p, rule->body, from, to);
    rule->busy = 0;
    return status;
}

static viseme_status expand_sequence(struct parser *p, const struct item *item, int from, int to)
{
    viseme_status status = VISEME_OK;
    for (int i = item->child; i != NONE && status == VISEME_OK; i = p->items[i].next) {
        int next = p->items[i].next == NONE ? to : p->out->states++;
        status = expand(p, i, from, next);
        from = next;
    }
    return status;
}

static viseme_status expand_choice(struct parser *p, const struct item *item, int from, int to)
{
    viseme_status status = VISEME_OK;
    if (p->depth == VIS_GRAMMAR_MAX_DEPTH)
        return too_deep(p, item->line);
    p->depth++;
    for (int i = item->child; i != NONE && status == VISEME_OK; i = p->items[i].next)
        status = expand(p, i, from, to);
    p->depth--;
    return status;
}

/* A repetition has states of its own, so that its loop can be entered and left here only. */
static viseme_status expand_loop(struct parser *p, const struct item *item, int from, int to)
{
    int first = p->out->states++, last = item->kind == IS_STAR ? first : p->out->states++;
    viseme_status status = add_arc(p, from, first, NULL);
    if (status == VISEME_OK)
        status = expand(p, item->child, first, last);
    if (status == VISEME_OK && first != last)
        status = add_arc(p, last, first, NULL);
    return status == VISEME_OK ? add_arc(p, last, to, NULL) : status;
}

/* Joins state `from` to state `to` by all that item i allows. */
static viseme_status expand(struct parser *p, int i, int from, int to)
{
    const struct item *item = &p->items[i];
    viseme_status status;
    switch (item->kind) {
    case IS_WORD:
        return add_arc(p, from, to, item);
    case IS_RULE:
        return expand_rule(p, item, from, to);
    case IS_SEQUENCE:
        return expand_sequence(p, item, from, to);
    case IS_CHOICE:
        return expand_choice(p, item, from, to);
    case IS_OPTION:
        status = add_arc(p, from, to, NULL);
        return status == VISEME_OK ? expand(p, item->child, from, to) : status;
    case IS_STAR:
    case IS_PLUS:
        break;
    }
    return expand_loop(p, item, from, to);
}

viseme_status vis_grammar_words(struct vis_grammar_words *out, const char *text, size_t bytes,
                                viseme_error *err)
{
    struct parser p = {.at = text, .end = text + bytes, .line = 1, .out = out, .err = err};
    viseme_status status = VISEME_OK;
    *out = (struct vis_grammar_words){.states = 2};
    if (bytes > VIS_GRAMMAR_MAX_BYTES)
        return vis_fail(err, VISEME_ERR_LIMIT, "a grammar of %zu bytes; up to %d are read", bytes,
                        VIS_GRAMMAR_MAX_BYTES);
    p.rules = calloc(VIS_GRAMMAR_MAX_RULES, sizeof *p.rules);
    if (!p.rules)
        return vis_fail_nomem(err, VIS_GRAMMAR_MAX_RULES * sizeof *p.rules);
    status = parse(&p);
    if (status == VISEME_OK) {
        p.rules[0].busy = 1;
        status = expand(&p, p.rules[0].body, 0, 1);
    }
    free(p.items);
    free(p.rules);
    return status;
}

void vis_grammar_words_free(struct vis_grammar_words *words)
{
    free(words->arcs);
    *words = (struct vis_grammar_words){0};
}
