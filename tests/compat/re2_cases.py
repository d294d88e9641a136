"""Writes re2.tsv: what RE2 makes of regexes, and which texts it matches as a whole.

Needs the package google-re2 of PyPI (the file has the results of 1.1.20251105). Run it in this folder.
The first line has the texts; each other line a regex, and `refused` or a digit per text.
"""

import json
import random

import re2

TEXTS = """
a|b|ab|aab|aaa|abc|x|xx|xxx|A|B|z|Z|0|7|9|_|-|.|/|\\|[|]|^|&|&&|~|~~|{|}|{1}|a{|a{,2}|a{1|#|:| |@|$|,|+|!|
https://a.example|https://b.example|https://a.example:8443|https://a.example.evil|http://a.example|
HTTPS://A.EXAMPLE|https://aXexample|https://x.a.example|https://pr-12.a.example|https://app.example.com|
https://evilexample.com|null|a*|*|(|)|ab*|a.b|axb|e|l|p|h|al|aa|12|1|a1|
""".replace("\n", "").split("|")[:-1] + ["|", "", "\n", "\t", "\v", "\f", "\r", "a\nb", "\x00", "\x01", "\x7f", "\\E", "a|b", "@8", "\x018"]

WRITTEN = r"""
https://a\.example
https://(a|b)\.example
https://.*\.example
^https://a\.example$
\Ahttps://a\.example\z
https?://a\.example(:[0-9]+)?
(?i)https://a\.example
(?i:https)://a\.example
https://a.example
https:\/\/a\.example
https://[a-z0-9-]+\.a\.example
https://[\w-]+\.a\.example
https://([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)?a\.example
.*
.+
(.*)
\Qhttps://a.example\E
\Qhttps://a.example
\Qa.b\E|x
\Qab\E*
a\Q\E*
a*\Q\E*
a+\Q\E?
\Q\E*
\Q\E
\Q\\E
\Q(
\E
[\Qa]
\<
\>
\@
\#
\!
\_
\-
\/
\:
\&
\~
\ 
\y
\h
\R
\X
\N
\e
\cA
\u0041
\Z
\K
\G
\k<a>
\g1
\1
(a)\1
\8
\0
\01
\012
\018
\07
\7
\77
\100
\1008
\777
\x41
\x4
\x{41}
\x{0000000000041}
\x{}
\x{110000}
\x{10FFFF}
\x{D800}
\xZZ
\a|\f|\t|\n|\r|\v
\C
\C*
a\Cb
[\C]
\s
\S
\s+
[\s]
[^\s]
[\S]
[^\S]
\d
\D
\w
\W
[\d\w]
[^\d]
\b
a\b
\ba
a\Bb
\B
[\b]
[\B]
[\A]
[\z]
\b*a
^*a
$+
a$
^a
$a
a^
\pN
\PN
\pL
\p{L}
\p{Lu}
\p{Ll}+
\p{^L}
\P{^L}
\p{Greek}
\P{Greek}
\p{Latin}
\p{Common}
\pP
\pS
\pZ
\pC
\p{Pd}
\p{Po}
\p{Ps}
\p{Pe}
\p{Sm}
\p{Sk}
\p{Sc}
\p{Pc}
\p{Any}
[\pN-]
[^\PN]
[\p{Greek}a]
(?i)\p{Lu}
(?i)\P{Lu}
\pl
\p
\p{
\p{}
\p{L
\p{latin}
\p{Cn}
\p{Foo}
[a]
[^a]
[]a]
[^]a]
[]
[^]
[
[^
[a
[a-]
[-a]
[a-b-c]
[--a]
[+--]
[a--b]
[z-a]
[a-\d]
[\d-a]
[a-\x62]
[\x61-b]
[[a]
[[a]b]
[[:alpha:]]
[[:^alpha:]]
[^[:alpha:]]
[[:alpha:][:digit:]]
[[:digit:]-z]
[[:foo:]]
[[::]]
[[:ALPHA:]]
[[:alpha]
[:alpha:]
[[.a.]]
[[=a=]]
[!-[:alpha:]]
[z-[:alpha:]]
[[:word:]]
[[:space:]]
[[:punct:]]
[[:graph:]]
[[:xdigit:]]
(?i)[[:lower:]]
(?i)[[:^lower:]]
(?i)[a]
(?i)[^a]
(?i)\x41
[a&&b]
[&&]
[a~~b]
[~~]
[a&&[b]]
[\]]
[\\]
[\[\]]
[\^]
[a^]
[\-a]
[a\-z]
[\&]
[\.]
[.*+?(){}|$]
[#]
[\012]
[\n]
[^\n]
[é]
[^é]
[a-é]
é
é*a
\é
(?i)é
a{2}
a{1,2}
a{2,}
a{0}
a{0,0}
a{1}?
a{1}??
a{2,1}
a{1000}
a{1001}
a{0,1001}
a{99999999999}
a{01}
a{1,02}
a{,2}
a{
a{1
a{1,
a{}
a{a}
a{ 1}
a{1 }
a{1,2,3}
{
{1}
{a}
}
{}
a{1}{2}
a{1}*
a*{1}
(a{100}){10}
(a{100}){11}
(a{500}|b){2}
(a{501}|b){2}
((((a{10}){10}){10}){2})
((a{100})){11}
(?:(a{100})b){11}
(?:(a{100})b(c)){10}
(a{1000}){0}
(a{1000}){1,}
(a{1000}){2,}
(a{1000})*
(a{2,})(b{999})
(?:(a{10}b){10}c){11}
a*
a+
a?
a*?
a+?
a??
a**
a*+
a++
a?+
a+*
a*??
a**?
(a*)*
(?:a*)+
(a+)?
*
+
?
|*
(*)
(|*)
a|*
(?i)*
a(?i)*
a*(?i)*
a+(?i)?
a(?i)b
a(?i)|b
(?:a(?i))b
(a(?i))b
a|b
a||b
|a
a|
|
||
()
(|a)
(a|)
(a
a)
)
(
a)(
((a)
(a))
(?:a)
(?:)
(?:)*
()*
(?P<n>a)
(?<n>a)
(?P<n>a)(?P<m>b)
(?P<1>a)
(?P<>a)
(?<>a)
(?P<a-b>a)
(?P<a b>a)
(?P<a
(?<a
(?<
(?P
(?P=n)
(?P<n>a)(?P=n)
(?P>n)
(?'n'a)
(?
(?)
(?)a
(?i
(?i)
(?i)ab
(?i)a|b
(?-i)a
(?i-s)A.b
(?s)a.b
(?s-)a
(?i-:a)
(?-:a)
(?--i:a)
(?ii)A
(?i-i:A)a
(?-ii:A)
(?imsU-s:A)
(?U)a*
(?U:a*?)
(?U)
(?m)^a$
(?m)a$
(?s:.)
(?-s:.)
(?x)a b
(?x:a b)
(?u)a
(?J)a
(?n)a
(?I)a
(?=a)
a(?=b)b
(?!a)b
(?<=a)b
(?<!a)b
(?>a)
(?|a)
(?#c)a
(?R)
(?1)
(?&a)
(?^a)
(?C)
(?a)
(?P<é>a)
\
a\
\\
#
a#b
a b
~
&&
a-b
.
a.b
.*foo.*
foo\.com$
^foo
https://a)|(?:.*
https://(?!evil)
/^https:\/\/a\.example$/
""".split("\n")[1:-1]

PARTS = ["a", "b", "x", ".", "*", "+", "?", "|", "(", ")", "(?:", "(?i)", "(?i:", "[", "]", "[^", "-", "^", "$", "{", "}",
         "{2}", "{1,2}", ",", "\\", "\\d", "\\s", "\\Q", "\\E", "\\.", "[:alpha:]", "&&", "~~", "\\b", "\\x41", "\\012",
         "\\C", "\\pL", "é", "(?P<n>", "0", "(?s-i:", "\\A", "\\z", "://"]


def verdict(regex, options):
    try:
        compiled = re2.compile(regex, options)
    except re2.error:
        return "refused"
    return "".join("1" if compiled.fullmatch(text) else "0" for text in TEXTS)


def main():
    options = re2.Options()
    options.log_errors = False
    random.seed(14)
    regexes = list(WRITTEN)
    regexes += ["".join(random.choice(PARTS) for _ in range(random.randint(2, 7))) for _ in range(6000)]
    seen = set()
    refused = 0
    with open("re2.tsv", "w", encoding="utf-8", newline="\n") as out:
        out.write(json.dumps(TEXTS) + "\n")
        for at, regex in enumerate(regexes):
            found = verdict(regex, options)
            if regex in seen:
                continue
            # Of random regexes most are refused; a few hundred of those will do.
            if at >= len(WRITTEN) and found == "refused":
                refused += 1
                if refused > 300:
                    continue
            seen.add(regex)
            out.write(json.dumps(regex) + "\t" + found + "\n")


main()
