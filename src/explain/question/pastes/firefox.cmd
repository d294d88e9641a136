curl.exe ^"https://api.example.com/v1/books?q=a^%^20b^" ^
  -X POST ^
  -H ^"User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Gecko/20100101 Firefox/143.0^" ^
  -H ^"accept: */*^" ^
  -H ^"content-type: application/json^" ^
  -H ^"origin: https://app.example.com^" ^
  -H ^"Connection: keep-alive^" ^
  -H ^"Cookie: sid=abc; theme=dark^" ^
  -H ^"x-note: it's ^\^"50^%^\^" ^& ^^more^!^" ^
  --data-raw ^"^{^\^"title^\^":1^}^"
