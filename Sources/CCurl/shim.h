// libcurl. Swift cannot call its variadic setters and getters, so here is one for each argument type.
// The parentheses bypass the header's type-checking macros, which need an option known at compile time.
#include <curl/curl.h>

static inline CURLcode curl_easy_set_long(CURL *easy, CURLoption option, long value) {
  return (curl_easy_setopt)(easy, option, value);
}

static inline CURLcode curl_easy_set_offset(CURL *easy, CURLoption option, curl_off_t value) {
  return (curl_easy_setopt)(easy, option, value);
}

static inline CURLcode curl_easy_set_string(CURL *easy, CURLoption option, const char *value) {
  return (curl_easy_setopt)(easy, option, value);
}

static inline CURLcode curl_easy_set_pointer(CURL *easy, CURLoption option, const void *value) {
  return (curl_easy_setopt)(easy, option, value);
}

static inline CURLcode curl_easy_set_callback(CURL *easy, CURLoption option, curl_write_callback callback) {
  return (curl_easy_setopt)(easy, option, callback);
}

static inline CURLcode curl_easy_set_open_callback(CURL *easy, curl_opensocket_callback callback) {
  return (curl_easy_setopt)(easy, CURLOPT_OPENSOCKETFUNCTION, callback);
}

static inline CURLcode curl_easy_set_close_callback(CURL *easy, curl_closesocket_callback callback) {
  return (curl_easy_setopt)(easy, CURLOPT_CLOSESOCKETFUNCTION, callback);
}

static inline CURLcode curl_easy_set_resolver_callback(CURL *easy, curl_resolver_start_callback callback) {
  return (curl_easy_setopt)(easy, CURLOPT_RESOLVER_START_FUNCTION, callback);
}

// A read callback has the type of a write callback; the function that adds a trailer has its own.
static inline CURLcode curl_easy_set_trailer_callback(CURL *easy, curl_trailer_callback callback) {
  return (curl_easy_setopt)(easy, CURLOPT_TRAILERFUNCTION, callback);
}

static inline CURLcode curl_easy_get_long(CURL *easy, CURLINFO info, long *value) {
  return (curl_easy_getinfo)(easy, info, value);
}

static inline CURLcode curl_easy_get_offset(CURL *easy, CURLINFO info, curl_off_t *value) {
  return (curl_easy_getinfo)(easy, info, value);
}

static inline CURLMcode curl_multi_set_long(CURLM *multi, CURLMoption option, long value) {
  return (curl_multi_setopt)(multi, option, value);
}

static inline CURLMcode curl_multi_set_socket_callback(CURLM *multi, curl_socket_callback callback, void *context) {
  (curl_multi_setopt)(multi, CURLMOPT_SOCKETDATA, context);
  return (curl_multi_setopt)(multi, CURLMOPT_SOCKETFUNCTION, callback);
}

static inline CURLMcode curl_multi_set_timer_callback(CURLM *multi, curl_multi_timer_callback callback, void *context) {
  (curl_multi_setopt)(multi, CURLMOPT_TIMERDATA, context);
  return (curl_multi_setopt)(multi, CURLMOPT_TIMERFUNCTION, callback);
}

static inline CURLSHcode curl_share_set_data(CURLSH *share, curl_lock_data data) {
  return (curl_share_setopt)(share, CURLSHOPT_SHARE, data);
}

// The result code of a completed transfer is a union member.
static inline CURLcode curl_message_result(const CURLMsg *message) { return message->data.result; }
