{{- /* The chart reads `config` to hold the pods' settings against it. `corsgate check` finds the errors in it. */ -}}

{{- /* `config` as a map, in YAML. Empty with existingConfigMap, which the chart can't read. */ -}}
{{- define "corsgate.config" -}}
{{- if not .Values.existingConfigMap -}}
{{- $config := fromYaml .Values.config -}}
{{- if and (hasKey $config "Error") (not (hasKey $config "listeners")) -}}
{{- fail (printf "config is not a YAML map: %s" $config.Error) -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}
{{- end -}}

{{- /* The seconds of a duration such as `1m 30s`, rounded up; nothing if it has units that no shutdown takes. */ -}}
{{- define "corsgate.seconds" -}}
{{- $part := "[0-9]+\\s*(ms|s|sec|second|seconds|m|min|minute|minutes|h|hour|hours)" -}}
{{- if regexMatch (printf "^(\\s*%s)+\\s*$" $part) . -}}
{{- $milliseconds := 0 -}}
{{- range regexFindAll "[0-9]+\\s*[a-z]+" . -1 -}}
{{- $unit := regexFind "[a-z]+" . -}}
{{- $factor := 1000 -}}
{{- if eq $unit "ms" -}}{{- $factor = 1 -}}
{{- else if hasPrefix "m" $unit -}}{{- $factor = 60000 -}}
{{- else if hasPrefix "h" $unit -}}{{- $factor = 3600000 -}}
{{- end -}}
{{- $milliseconds = regexFind "[0-9]+" . | atoi | mul $factor | add $milliseconds -}}
{{- end -}}
{{- div (add $milliseconds 999) 1000 -}}
{{- end -}}
{{- end -}}

{{- /* terminationGracePeriodSeconds: the pod's last seconds, one after the other, and 10 s for the rest. */ -}}
{{- define "corsgate.terminationGracePeriodSeconds" -}}
{{- $given := .Values.terminationGracePeriodSeconds -}}
{{- $config := include "corsgate.config" . | fromYaml -}}
{{- $server := default dict $config.server -}}
{{- $sum := .Values.preStopSleepSeconds | int -}}
{{- $unknown := ternary "existingConfigMap" "" (ne .Values.existingConfigMap "") -}}
{{- range $key, $default := dict "shutdown_delay" "0s" "grace_period" "5s" "shutdown_timeout" "30s" -}}
{{- $text := get $server $key | default $default | toString -}}
{{- $seconds := include "corsgate.seconds" $text -}}
{{- if $seconds -}}
{{- $sum = add $sum (atoi $seconds) -}}
{{- else -}}
{{- $unknown = printf "server.%s: %s" $key $text -}}
{{- end -}}
{{- end -}}
{{- if and $unknown (kindIs "invalid" $given) -}}
{{- fail (printf "terminationGracePeriodSeconds is required, because the chart can't read the shutdown's length in %s; write more than preStopSleepSeconds and server.shutdown_delay, grace_period and shutdown_timeout together" $unknown) -}}
{{- else if $unknown -}}
{{- int $given -}}
{{- else if kindIs "invalid" $given -}}
{{- add $sum 10 -}}
{{- else if le (int $given) (int $sum) -}}
{{- fail (printf "terminationGracePeriodSeconds is %d, but preStopSleepSeconds and server.shutdown_delay, grace_period and shutdown_timeout take %d s together, and the kubelet would cut off requests; write more than %d, or leave it out" (int $given) (int $sum) (int $sum)) -}}
{{- else -}}
{{- int $given -}}
{{- end -}}
{{- end -}}

{{- /* A hash of what corsgate can't take over while it runs, or of all. */ -}}
{{- define "corsgate.restartHash" -}}
{{- if eq .Values.restartOnConfigChange "always" -}}
{{- include "corsgate.configData" . | sha256sum | trunc 16 -}}
{{- else -}}
{{- $config := include "corsgate.config" . | fromYaml -}}
{{- $listeners := list -}}
{{- range $config.listeners -}}
{{- $listeners = append $listeners (list .address (default false .proxy_protocol) (hasKey . "tls")) -}}
{{- end -}}
{{- list $listeners $config.admin $config.metrics $config.server | toJson | sha256sum | trunc 16 -}}
{{- end -}}
{{- end -}}

{{- /* Refuses values that contradict `config`: such pods would never be ready, or never get a request. */ -}}
{{- define "corsgate.validate" -}}
{{- if and .Values.autoscaling.enabled (gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) -}}
{{- fail "autoscaling.minReplicas is more than autoscaling.maxReplicas" -}}
{{- end -}}
{{- $names := list "metrics" -}}
{{- range .Values.service.ports -}}
{{- if has .name $names -}}
{{- fail (printf "service.ports: the name %s is taken; every port needs its own, and metrics is that of metricsPort" .name) -}}
{{- end -}}
{{- $names = append $names .name -}}
{{- end -}}
{{- if and .Values.existingConfigMap .Values.files -}}
{{- fail "files have no effect with existingConfigMap: put them into that ConfigMap" -}}
{{- end -}}
{{- if hasKey .Values.files "corsgate.yaml" -}}
{{- fail "files has the key corsgate.yaml: that is what `config` is for" -}}
{{- end -}}
{{- if not .Values.existingConfigMap -}}
{{- $config := include "corsgate.config" . | fromYaml -}}
{{- $metrics := get (default dict $config.metrics) "address" | toString -}}
{{- if not (regexMatch "^(0\\.0\\.0\\.0|\\[::\\]):[0-9]+$" $metrics) -}}
{{- fail (printf "config: metrics.address is %s, and the kubelet must reach it for the probes; write 0.0.0.0:%d" (default "not there" $metrics) (int .Values.metricsPort)) -}}
{{- end -}}
{{- if ne (regexFind "[0-9]+$" $metrics) (.Values.metricsPort | int | toString) -}}
{{- fail (printf "config: metrics.address is %s, and metricsPort is %d: they must be the same port" $metrics (int .Values.metricsPort)) -}}
{{- end -}}
{{- $ports := list -}}
{{- range $config.listeners -}}
{{- $ports = append $ports (regexFind "[0-9]+$" (toString .address)) -}}
{{- end -}}
{{- /* A listener whose port is a variable has an empty entry, and could be any port. */ -}}
{{- if not (has "" $ports) -}}
{{- range .Values.service.ports -}}
{{- if not (has (.targetPort | int | toString) $ports) -}}
{{- fail (printf "service.ports: %s has targetPort %d, and config has no listener there; its ports: %s" .name (int .targetPort) (join ", " $ports)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
