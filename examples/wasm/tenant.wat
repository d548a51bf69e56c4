;; tenant.rs by hand: what a filter of proxy-wasm is made of, and what the project's tests are built from.
;;
;;     python -c "from pathlib import Path; import wasmtime; Path('tenant.wasm').write_bytes(wasmtime.wat2wasm(Path('tenant.wat').read_text()))"
(module
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_buffer_bytes" (func $get_buffer (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_header_map_value" (func $get_field (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_replace_header_map_value" (func $replace_field (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_remove_header_map_value" (func $remove_field (param i32 i32 i32) (result i32)))
  (import "env" "proxy_send_local_response" (func $answer (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))

  (memory (export "memory") 1)
  (data (i32.const 16) ":authority")
  (data (i32.const 32) "x-tenant")
  (data (i32.const 48) "x-powered-by")
  (data (i32.const 64) "{\"error\": \"this host belongs to nobody here\"}")
  ;; One field: how many there are, the sizes of its name and value, and both with a zero behind them.
  (data (i32.const 128) "\01\00\00\00\0c\00\00\00\10\00\00\00content-type\00application/json\00")

  ;; At 0 and 4 the gateway writes where what it gives is, and its size.
  (global $top (mut i32) (i32.const 1024))      ;; from here on it is put; nothing is freed: the instance goes when its exchange does
  (global $tenants (mut i32) (i32.const 0))     ;; names with spaces between them: the configuration of the filter
  (global $tenants_end (mut i32) (i32.const 0))

  (func (export "proxy_abi_version_0_2_1"))

  (func (export "proxy_on_memory_allocate") (param $size i32) (result i32)
    (if (i32.gt_u (local.get $size) (i32.sub (i32.const 65536) (global.get $top)))
      (then (return (i32.const 0))))
    (global.set $top (i32.add (global.get $top) (local.get $size)))
    (i32.sub (global.get $top) (local.get $size)))

  (func (export "proxy_on_configure") (param $plugin i32) (param $size i32) (result i32)
    (local $at i32)
    (if (call $get_buffer (i32.const 7) (i32.const 0) (local.get $size) (i32.const 0) (i32.const 4))
      (then (return (i32.const 0))))
    (global.set $tenants (i32.load (i32.const 0)))
    (global.set $tenants_end (i32.add (global.get $tenants) (i32.load (i32.const 4))))
    ;; 0, it cannot be used like this: there is no name.
    (local.set $at (global.get $tenants))
    (loop $next
      (if (i32.lt_u (local.get $at) (global.get $tenants_end))
        (then
          (if (i32.gt_u (i32.load8_u (local.get $at)) (i32.const 32)) (then (return (i32.const 1))))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br $next))))
    (i32.const 0))

  (func (export "proxy_on_request_headers") (param $stream i32) (param $count i32) (param $is_last i32) (result i32)
    (local $host i32) (local $size i32) (local $label i32)
    (if (i32.eqz (call $get_field (i32.const 0) (i32.const 16) (i32.const 10) (i32.const 0) (i32.const 4)))
      (then
        (local.set $host (i32.load (i32.const 0)))
        (local.set $size (i32.load (i32.const 4)))))
    (local.set $label (call $until (local.get $host) (i32.add (local.get $host) (local.get $size)) (i32.const 0x2e)))
    (if (call $is_tenant (local.get $host) (local.get $label))
      (then
        ;; In the place of what the client may have sent.
        (drop (call $replace_field (i32.const 0) (i32.const 32) (i32.const 8) (local.get $host) (local.get $label)))
        (return (i32.const 0))))
    (drop (call $log (i32.const 2) (local.get $host) (local.get $size)))
    (drop (call $answer
      (i32.const 403) (i32.const 0) (i32.const 0) (i32.const 64) (i32.const 45) (i32.const 128) (i32.const 42) (i32.const -1)))
    (i32.const 1))

  (func (export "proxy_on_response_headers") (param $stream i32) (param $count i32) (param $is_last i32) (result i32)
    (drop (call $remove_field (i32.const 2) (i32.const 48) (i32.const 12)))
    (i32.const 0))

  ;; How many bytes from $at on are before $stop, or are there.
  (func $until (param $at i32) (param $end i32) (param $stop i32) (result i32)
    (local $now i32)
    (local.set $now (local.get $at))
    (loop $next
      (if (i32.lt_u (local.get $now) (local.get $end))
        (then
          (if (i32.ne (i32.load8_u (local.get $now)) (local.get $stop))
            (then
              (local.set $now (i32.add (local.get $now) (i32.const 1)))
              (br $next))))))
    (i32.sub (local.get $now) (local.get $at)))

  ;; Is it one of the names?
  (func $is_tenant (param $label i32) (param $size i32) (result i32)
    (local $name i32) (local $name_size i32)
    (if (i32.eqz (local.get $size)) (then (return (i32.const 0))))
    (local.set $name (global.get $tenants))
    (loop $next
      (local.set $name_size (call $until (local.get $name) (global.get $tenants_end) (i32.const 0x20)))
      (if (i32.eq (local.get $name_size) (local.get $size))
        (then
          (if (call $is_same (local.get $name) (local.get $label) (local.get $size)) (then (return (i32.const 1))))))
      (local.set $name (i32.add (local.get $name) (i32.add (local.get $name_size) (i32.const 1))))
      (br_if $next (i32.lt_u (local.get $name) (global.get $tenants_end))))
    (i32.const 0))

  (func $is_same (param $one i32) (param $other i32) (param $size i32) (result i32)
    (loop $next
      (if (i32.eqz (local.get $size)) (then (return (i32.const 1))))
      (local.set $size (i32.sub (local.get $size) (i32.const 1)))
      (br_if $next
        (i32.eq
          (i32.load8_u (i32.add (local.get $one) (local.get $size)))
          (i32.load8_u (i32.add (local.get $other) (local.get $size))))))
    (i32.const 0)))
