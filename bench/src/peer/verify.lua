-- HMAC-SHA256 with the two states of the key prepared. libcrypto's plain SHA256 functions are marked as deprecated;
-- they are used because EVP allocates for each message, and this is to be the best that can be written.
local ffi = require 'ffi'
local bit = require 'bit'
local crypto = ffi.load('libcrypto.so.3')

ffi.cdef [[
typedef struct { uint32_t h[8]; uint32_t low, high; uint32_t data[16]; unsigned int count, length; } SHA256_CTX;
int SHA256_Init(SHA256_CTX *state);
int SHA256_Update(SHA256_CTX *state, const void *data, size_t length);
int SHA256_Final(unsigned char *digest, SHA256_CTX *state);
int CRYPTO_memcmp(const void *a, const void *b, size_t length);
]]

local size = ffi.sizeof('SHA256_CTX')
local state = ffi.new('SHA256_CTX')
local digest = ffi.new('unsigned char[32]')
local hex = ffi.new('unsigned char[64]')
local digits = ffi.new('unsigned char[16]', '0123456789abcdef')

local function prepared(key, pad)
  local block = {}
  for i = 1, 64 do
    block[i] = string.char(bit.bxor(key:byte(i) or 0, pad))
  end
  local begun = ffi.new('SHA256_CTX')
  crypto.SHA256_Init(begun)
  crypto.SHA256_Update(begun, table.concat(block), 64)
  return begun
end

local function refuse(status)
  ngx.status = status
  ngx.header.content_length = 0
  ngx.send_headers()
  return ngx.exit(ngx.OK)
end

local function with(secret)
  local inner, outer = prepared(secret, 0x36), prepared(secret, 0x5c)
  return function()
    ngx.req.read_body()
    local body = ngx.req.get_body_data()
    if not body then
      return refuse(413)
    end
    ffi.copy(state, inner, size)
    crypto.SHA256_Update(state, body, #body)
    crypto.SHA256_Final(digest, state)
    ffi.copy(state, outer, size)
    crypto.SHA256_Update(state, digest, 32)
    crypto.SHA256_Final(digest, state)
    local offered = ngx.var.http_x_lmif_signature
    if not offered or #offered ~= 71 or offered:sub(1, 7) ~= 'sha256=' then
      return refuse(401)
    end
    for i = 0, 31 do
      hex[2 * i] = digits[bit.rshift(digest[i], 4)]
      hex[2 * i + 1] = digits[bit.band(digest[i], 15)]
    end
    if crypto.CRYPTO_memcmp(hex, ffi.cast('const char *', offered) + 7, 64) ~= 0 then
      return refuse(401)
    end
  end
end

return { with = with }
