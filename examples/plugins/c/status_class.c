// Writes the class of HTTP status codes (`5xx`) beside them: examples/plugins/enricher, in C.
#include <stdlib.h>
#include <string.h>
#include "enricher.h"

// What is returned is freed by the bindings: everything in it must come from malloc.
static enricher_string_t owned(const char *text) {
  enricher_string_t string;
  enricher_string_dup(&string, text);
  return string;
}

static void *zeroed(size_t bytes) {
  void *memory = calloc(1, bytes);
  if (memory == NULL) abort();
  return memory;
}

void exports_cadenza_plugin_lifecycle_describe(exports_cadenza_plugin_lifecycle_metadata_t *ret) {
  *ret = (exports_cadenza_plugin_lifecycle_metadata_t){
      .name = owned("status-class-c"),
      .version = owned("0.1.0"),
      .description = owned("writes the class of HTTP status codes"),
      .kind = EXPORTS_CADENZA_PLUGIN_LIFECYCLE_KIND_ENRICHER,
      .on_failure = EXPORTS_CADENZA_PLUGIN_LIFECYCLE_ON_FAILURE_FAIL_OPEN,
  };
}

// Takes no configuration but `{}`.
bool exports_cadenza_plugin_lifecycle_configure(enricher_string_t *config_json,
                                                exports_cadenza_plugin_lifecycle_plan_t *ret,
                                                exports_cadenza_plugin_lifecycle_list_config_error_t *err) {
  bool empty = config_json->len == 2 && memcmp(config_json->ptr, "{}", 2) == 0;
  enricher_string_free(config_json);
  if (!empty) {
    err->len = 1;
    err->ptr = zeroed(sizeof *err->ptr);
    err->ptr->path = owned("");
    err->ptr->message = owned("nothing can be configured");
    return false;
  }
  memset(ret, 0, sizeof *ret);
  ret->fields.len = 1;
  ret->fields.ptr = zeroed(sizeof *ret->fields.ptr);
  ret->fields.ptr->tag = CADENZA_PLUGIN_TYPES_FIELD_ATTRIBUTE;
  ret->fields.ptr->val.attribute = (cadenza_plugin_types_attribute_field_t){
      .place = {.scope = CADENZA_PLUGIN_TYPES_SCOPE_SPAN,
                .key = {.tag = CADENZA_PLUGIN_TYPES_KEY_SELECTOR_EXACT, .val.exact = owned("http.response.status_code")}},
      .value_type = CADENZA_PLUGIN_TYPES_VALUE_TYPE_TEXT,
  };
  ret->targets.len = 1;
  ret->targets.ptr = zeroed(sizeof *ret->targets.ptr);
  ret->targets.ptr->scope = CADENZA_PLUGIN_TYPES_SCOPE_SPAN;
  ret->targets.ptr->key = owned("http.class");
  return true;
}

// One edit: beside each distinct code that begins with a digit from 1 to 5, its class.
bool exports_cadenza_plugin_transform_process(exports_cadenza_plugin_transform_context_t *ctx,
                                              exports_cadenza_plugin_transform_batch_t *batch,
                                              exports_cadenza_plugin_transform_edits_t *ret,
                                              enricher_string_t *err) {
  (void)ctx;
  (void)err;
  // The one column of the plan: how many cells and entries it has; a row and an entry for each cell, where the text of
  // each entry ends; and the text.
  uint32_t cells = batch->arena.numbers.ptr[0], count = batch->arena.numbers.ptr[1];
  const uint32_t *ends = batch->arena.numbers.ptr + 2 + 2 * cells;
  const uint8_t *text = batch->arena.bytes.ptr;
  // Entries and ends of their classes in one list, the classes in the other.
  uint32_t *numbers = zeroed((2 * count + 1) * sizeof *numbers);
  uint8_t *classes = zeroed(3 * count + 1);
  uint32_t found = 0;
  for (uint32_t entry = 0, start = 0; entry < count; start = ends[entry++]) {
    uint8_t digit = start < ends[entry] ? text[start] : 0;
    if (digit < '1' || digit > '5') continue;
    memcpy(classes + 3 * found, (uint8_t[]){digit, 'x', 'x'}, 3);
    numbers[found++] = entry;
  }
  for (uint32_t class = 0; class < found; class++) numbers[found + class] = 3 * (class + 1);
  exports_cadenza_plugin_transform_batch_free(batch);
  cadenza_plugin_types_edit_t *edit = zeroed(sizeof *edit);
  edit->operation.tag = CADENZA_PLUGIN_TYPES_OPERATION_UPSERT;
  edit->address.tag = CADENZA_PLUGIN_TYPES_ADDRESS_ENTRIES;
  edit->address.val.entries.items = found;
  edit->values.tag = CADENZA_PLUGIN_TYPES_EDIT_VALUES_STRINGS;
  edit->values.val.strings = found;
  *ret = (exports_cadenza_plugin_transform_edits_t){
      .items = {.ptr = edit, .len = 1},
      .arena = {.numbers = {.ptr = numbers, .len = 2 * found}, .bytes = {.ptr = classes, .len = 3 * found}},
  };
  return true;
}
