"""Writes argparse.tsv: what Python's argparse makes of command lines.

The flags are those of a list such as espv2_flags.txt. Run it in this folder; the file has the results of
Python 3.11. The first column is the list, the second one the arguments, the third one the values that were
given, or the kind of the error.
"""

import argparse
import json
import shlex

ESPV2 = """
--cors_preset=basic
--cors_preset basic
--cors_preset= --backend=
--cors_preset
--cors_preset --backend=a
--cors_p=basic
--cors_pre basic
--cors=basic
--cors_allow_origin=a
--cors_allow_origin_r=a
--cors_allow_o=a
--cors_allow_c
--cors_allow_credentials
--cors_allow_credentials=true
--cors_allow_credentials=
--cors_allow_c=true
--cors_allow_credentials true
--cors_allow_credentials --cors_allow_credentials
--cors_allow_methods=a=b=c
--cors_allow_methods==
--cors_allow_methods =
--backend=a --backend=b
--backend=a -ab -a c -a=d
-a=a
-ab
-a b
-a
-a=
-a ''
-a -
-a --
-a -- b
-a -5
-a -5.5
-a -.5
-a -5x
-a -5.
-a -b
-a -s
-a '-b c'
-a '-s c'
-a '--backend x'
-a '--unknown x'
-a --backend
-a-b
-a-5
-t
-tt
-tab
-tta=b
-tac
-ta b
-ta
-tq
-t=
-t=q
-t-a
-t --tls_mutual_auth
-th
-N 80
-N80
-N=80
-N -1
-N-1
-N=-1
-N x
-N=x
-N ''
-N 8_0
-N ' 80 '
-N +80
-N 1.5
-N 0x50
--listener_port=80
--listener_port 80
--listener=80
--l=80
--listener_port=80a
--listener_port
--http=80
--http_p=80
--http2=80
-R managed
-R=fixed
-Rmanaged
-R foo
-R=
-R Managed
--rollout managed
--ssl_minimum_protocol=TLSv1.2
--ssl_minimum_protocol=TLSv1
--ssl_mi TLSv1.3
--ssl_m=TLSv1.2
--add_request_header=a=1 --add_request_header b=2
--add_request_header=a --add_req=b
--add=a
--add_request_header
--ssl_protocols TLSv1.2 --ssl_protocols=TLSv1.3
--status_port=1 --admin_port=2 -N 3
--status_port=1 --admin=x
--service=a -s b
--service a b
--service
--service_=a
--service_json_path=a
--service_j a
--se=a
--unknown
--unknown=a
--unknown a
-q
-qa
-5
--5
foo
foo --cors_preset=basic
--cors_preset=basic foo
''
' '
' --cors_preset=basic'
-
--
-- --cors_preset=basic
-- --help
--cors_preset=basic --
--cors_preset -- basic
--=a
---cors_preset=basic
--CORS_PRESET=basic
--cors-preset=basic
--cors_preset=basic --help
--help --unknown
--unknown --help
-h
--he
--hel
--health=a
--healthz=a
--health_check_grpc_backend
--health_check_grpc_backend=a
--health_check_grpc_backend_s=a
--no-service_control_enable_api_key_uid_reporting
--no-service
--no
--service_control_enable_api_key_uid_reporting
--non_gcp
--non
--n
--enable_b
--enable_backend_a
--enable_backend_address_override --backend x
--access_log=a
--access_log a --access_log_format b
--access_log_f=a
--dns=a
--dns_r=a
--backend_retry_num=-1
--backend_retry_num -1
--cors_allow_headers '-a, b'
--cors_allow_headers 'a b'
--cors_allow_headers=-a
--cors_allow_headers -a
--cors_allow_headers é
--é
-é
--cors_allow_origin_regex ^https://.*$
--cors_allow_origin_regex=--cors_preset
-s=a=b
-s =a
-ts=a
-sfoo=bar
-as=b
"""

ESP = """
-p 80 -P 81 -S 82
-p80 -P81 -S82
-p=80
-px
-k key -n conf -c url
-knc
-x 10.0.0.0/8,::/0
-m meta -g man
--client_max=1m
--client_max_body_size 1m
--client_b=1m
--rewrite 'a b' --rewrite='c d'
--rew a
--log_jwt_payload=a
--enable_w
--enable_websocket=1
--generate_c
--nginx=a
--nginx_config=a
--nginx_c=a
--xff 10.0.0.1
--jwks_cache_duration_in_s=5
--rollout_f=5
--rollout_f=5s
"""


def parser(flags):
    class Help(argparse.Action):
        def __call__(self, *_):
            raise ValueError("help")

    class Parser(argparse.ArgumentParser):
        def error(self, message):
            raise ValueError(message)

    found = Parser(prog="x", add_help=False, argument_default=argparse.SUPPRESS)
    for line in open(flags, encoding="utf-8"):
        *names, kind = line.split()
        # The first long name is the flag's; others are kept apart by what argparse calls them.
        options = {"dest": next(name for name in names if name.startswith("--"))}
        if kind == "help":
            options["action"], options["nargs"] = Help, 0
        elif any(name.startswith("--no-") for name in names):
            found.add_argument(names[0], action=argparse.BooleanOptionalAction, **options)
            continue
        elif kind == "switch":
            options["action"] = "store_true"
        elif kind == "list":
            options["action"] = "append"
        elif kind == "integer":
            options["type"] = int
        elif kind.startswith("choice("):
            options["choices"] = kind[len("choice("):-1].split(",")
        found.add_argument(*names, **options)
    return found


def outcome(flags, arguments):
    found = parser(flags)
    try:
        values = vars(found.parse_args(arguments))
    except ValueError as error:
        for kind in ["ambiguous option", "expected one argument", "ignored explicit argument", "unrecognized arguments",
                     "invalid int value", "invalid choice", "help"]:
            if kind in str(error):
                return kind
        raise
    return json.dumps(values, sort_keys=True)


def main():
    with open("argparse.tsv", "w", encoding="utf-8", newline="\n") as out:
        for flags, lines in [("espv2", ESPV2), ("esp", ESP)]:
            for line in lines.strip("\n").split("\n"):
                arguments = shlex.split(line)
                found = outcome(flags + "_flags.txt", arguments)
                out.write(flags + "\t" + json.dumps(arguments) + "\t" + found + "\n")


main()
