{{- define "corsgate.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- /* Labels by which an object finds the gateway's pods, and not the Job that checks the configuration. They can't
change in an upgrade. */ -}}
{{- define "corsgate.selectorLabels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: gateway
{{- end -}}

{{- define "corsgate.labels" -}}
{{ include "corsgate.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "corsgate.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{- printf "%s@%s" .repository .digest -}}
{{- else -}}
{{- printf "%s:%s" .repository (default $.Chart.AppVersion .tag) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* The keys of the ConfigMap: corsgate.yaml and the files beside it. */ -}}
{{- define "corsgate.configData" -}}
corsgate.yaml: |
  {{- .Values.config | trimSuffix "\n" | nindent 2 }}
{{- range $name, $content := .Values.files }}
{{ $name }}: |
  {{- $content | trimSuffix "\n" | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* The Deployment and the Job have these in common, so that the program sees the same files and variables in
both. `dict "root" $ "configMap" NAME`.

The ConfigMap is mounted as a folder, not file by file with subPath: the kubelet then swaps the symbolic link ..data
when the ConfigMap changes, which corsgate notices. A file under subPath never changes. Certificates are beside that
folder and not in it, because a volume can't be mounted inside another that is read-only. */ -}}
{{- define "corsgate.volumes" -}}
- name: config
  configMap:
    name: {{ .configMap }}
{{- with .root }}
{{- range $index, $secret := .Values.tlsSecrets }}
- name: tls-{{ $index }}
  secret:
    secretName: {{ $secret }}
    # Readable for the pod's fsGroup.
    defaultMode: 0440
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "corsgate.volumeMounts" -}}
- name: config
  mountPath: /etc/corsgate/config
  readOnly: true
{{- range $index, $secret := .Values.tlsSecrets }}
- name: tls-{{ $index }}
  mountPath: /etc/corsgate/tls/{{ $secret }}
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "corsgate.environment" -}}
{{- with .Values.env }}
env:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.envFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* The parts of a pod that do not depend on what runs in it. */ -}}
{{- define "corsgate.podSettings" -}}
automountServiceAccountToken: false
{{- /* No variables of other Services, which ${NAME} in the configuration could meet. */}}
enableServiceLinks: false
{{- with .Values.serviceAccountName }}
serviceAccountName: {{ . }}
{{- end }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}
