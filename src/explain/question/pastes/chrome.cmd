curl.exe ^"https://api.example.com/v1/books?q=a^%^20b^" ^
  -H ^"accept: */*^" ^
  -H ^"accept-encoding: gzip, deflate, br, zstd^" ^
  -H ^"content-type: application/json^" ^
  -b ^"sid=abc; theme=dark^" ^
  -H ^"origin: https://app.example.com^" ^
  -H ^"referer: https://app.example.com/^" ^
  -H ^"sec-ch-ua: ^\^"Chromium^\^";v=^\^"140^\^", ^\^"Not=A?Brand^\^";v=^\^"24^\^"^" ^
  -H ^"sec-ch-ua-platform: ^\^"Windows^\^"^" ^
  -H ^"user-agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36^" ^
  -H ^"x-note: it's ^\^"50^%^\^" ^& ^^more^!^" ^
  --data-raw ^"^{^\^"title^\^":^\^"it's^\^",^

^\^"price^\^":^\^"^^5^\^"^}^"
