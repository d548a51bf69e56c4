{{- define "fastgw.selector" -}}
app.kubernetes.io/name: fastgw
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "fastgw.labels" -}}
{{ include "fastgw.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}

{{- define "fastgw.config" -}}
{{ toYaml .Values.config }}
{{- end }}
