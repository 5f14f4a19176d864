//! nginx with Lua: one worker, the body in one buffer in memory, SHA-256 from libcrypto through LuaJIT's FFI.

use std::net::SocketAddr;

use super::{Listen, Stage};
use crate::load::SECRET;

pub(super) fn config(stage: &Stage, listen: SocketAddr, how: Listen) -> String {
    stage.write("verify.lua", include_str!("verify.lua"));
    let (upstream, folder) = (stage.upstream, stage.folder.display());
    let tls = match how {
        Listen::Clear => "",
        Listen::Tls => "ssl http2",
    };
    format!(
        "daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid {folder}/nginx.pid;
error_log /dev/null crit;
load_module /usr/lib/nginx/modules/ndk_http_module.so;
load_module /usr/lib/nginx/modules/ngx_http_lua_module.so;
events {{
  worker_connections 16000;
  multi_accept on;
}}
http {{
  access_log off;
  tcp_nodelay on;
  keepalive_timeout 75s;
  keepalive_requests 1000000000;
  client_body_buffer_size 2m;
  client_max_body_size 2m;
  client_body_in_single_buffer on;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  http2_max_concurrent_streams 1024;
  ssl_protocols TLSv1.3;
  ssl_certificate {folder}/tls.crt;
  ssl_certificate_key {folder}/tls.key;
  upstream app {{
    server {upstream};
    keepalive 1024;
    keepalive_requests 1000000000;
  }}
  lua_package_path '{folder}/?.lua;;';
  init_by_lua_block {{ verify = require('verify').with('{SECRET}') }}
  server {{
    listen {listen} {tls} backlog=4096;
    location = /hooks/lmif {{
      access_by_lua_block {{ verify() }}
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_set_header Connection '';
      proxy_request_buffering on;
    }}
  }}
}}
"
    )
}
