//! A filter in WebAssembly: the first label of the host says who asks; strangers are turned away, the service is told the name, and the
//! client is not told what the service is made with.
//!
//!     rustup target add wasm32-unknown-unknown
//!     rustc --edition 2021 --target wasm32-unknown-unknown -O -C panic=abort -C link-arg=-zstack-size=16384 --crate-type cdylib tenant.rs
//!
//! It speaks proxy-wasm (github.com/proxy-wasm/spec, ABI 0.2.1) without an SDK, so that nothing but rustc is needed, and an instance of
//! it, which every exchange has one of, is small.  `tenant.wat` is the same by hand.  With the crate `proxy-wasm` it is shorter, and larger.
#![no_std]

use core::ptr::{addr_of_mut, null, null_mut};
use core::slice::from_raw_parts;

const OK: u32 = 0;
const CONTINUE: u32 = 0;
const PAUSE: u32 = 1;
const INFO: u32 = 2;
const REQUEST_HEADERS: u32 = 0;
const RESPONSE_HEADERS: u32 = 2;
const PLUGIN_CONFIGURATION: u32 = 7;
const NO_GRPC_STATUS: u32 = u32::MAX;

#[link(wasm_import_module = "env")]
extern "C" {
    fn proxy_log(level: u32, text: *const u8, size: usize) -> u32;
    fn proxy_get_buffer_bytes(buffer: u32, start: usize, most: usize, data: *mut *const u8, size: *mut usize) -> u32;
    fn proxy_get_header_map_value(map: u32, name: *const u8, name_size: usize, data: *mut *const u8, size: *mut usize) -> u32;
    fn proxy_replace_header_map_value(map: u32, name: *const u8, name_size: usize, data: *const u8, size: usize) -> u32;
    fn proxy_remove_header_map_value(map: u32, name: *const u8, name_size: usize) -> u32;
    fn proxy_send_local_response(
        status: u32, details: *const u8, details_size: usize, body: *const u8, body_size: usize,
        headers: *const u8, headers_size: usize, grpc_status: u32,
    ) -> u32;
}

// What the gateway gives is put here.  Nothing is freed: the instance goes when its exchange does.
const HEAP: usize = 16 << 10;
static mut MEMORY: [u8; HEAP] = [0; HEAP];
static mut TOP: usize = 0;
static mut TENANTS: &[u8] = b""; // names with spaces between them: the configuration of the filter

const AUTHORITY: &[u8] = b":authority";
const TENANT: &[u8] = b"x-tenant";
const MADE_WITH: &[u8] = b"x-powered-by";
const STRANGER: &[u8] = b"{\"error\": \"this host belongs to nobody here\"}";
/// One field: how many there are, the sizes of its name and value, and both with a zero behind them.
const JSON: &[u8] = b"\x01\0\0\0\x0c\0\0\0\x10\0\0\0content-type\0application/json\0";

#[no_mangle]
pub extern "C" fn proxy_abi_version_0_2_1() {}

#[no_mangle]
pub extern "C" fn proxy_on_memory_allocate(size: usize) -> *mut u8 {
    unsafe {
        if size > HEAP - TOP {
            return null_mut();
        }
        TOP += size;
        addr_of_mut!(MEMORY).cast::<u8>().add(TOP - size)
    }
}

#[no_mangle]
pub extern "C" fn proxy_on_configure(_plugin: u32, size: usize) -> u32 {
    let tenants = given(|data, got| unsafe { proxy_get_buffer_bytes(PLUGIN_CONFIGURATION, 0, size, data, got) });
    unsafe { TENANTS = tenants.unwrap_or(b"") };
    tenants.is_some_and(|names| !names.trim_ascii().is_empty()) as u32 // 0: it cannot be used like this
}

#[no_mangle]
pub extern "C" fn proxy_on_request_headers(_stream: u32, _count: u32, _is_last: u32) -> u32 {
    let asked = |data: *mut _, size: *mut _| unsafe {
        proxy_get_header_map_value(REQUEST_HEADERS, AUTHORITY.as_ptr(), AUTHORITY.len(), data, size)
    };
    let host = given(asked).unwrap_or(b"");
    let label = host.split(|&byte| byte == b'.').next().unwrap_or(b"");
    if !label.is_empty() && unsafe { TENANTS }.split(u8::is_ascii_whitespace).any(|name| name == label) {
        // In the place of what the client may have sent.
        unsafe { proxy_replace_header_map_value(REQUEST_HEADERS, TENANT.as_ptr(), TENANT.len(), label.as_ptr(), label.len()) };
        return CONTINUE;
    }
    unsafe {
        proxy_log(INFO, host.as_ptr(), host.len());
        proxy_send_local_response(403, null(), 0, STRANGER.as_ptr(), STRANGER.len(), JSON.as_ptr(), JSON.len(), NO_GRPC_STATUS);
    }
    PAUSE
}

#[no_mangle]
pub extern "C" fn proxy_on_response_headers(_stream: u32, _count: u32, _is_last: u32) -> u32 {
    unsafe { proxy_remove_header_map_value(RESPONSE_HEADERS, MADE_WITH.as_ptr(), MADE_WITH.len()) };
    CONTINUE
}

/// What a function of the gateway gives, in memory that was allocated for it.
fn given(ask: impl FnOnce(*mut *const u8, *mut usize) -> u32) -> Option<&'static [u8]> {
    let (mut data, mut size) = (null(), 0);
    if ask(&mut data, &mut size) != OK {
        return None;
    }
    Some(if size == 0 { b"" } else { unsafe { from_raw_parts(data, size) } })
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    core::arch::wasm32::unreachable()
}
