{{/*
A manifest of the kustomize base, component or overlay, which is the only copy of it, in the namespace of the release.
Takes a list of the chart's context and the file's name.
*/}}
{{- define "netintent.manifest" -}}
{{- $root := index . 0 -}}
{{- $root.Files.Get (printf "files/%s.yaml" (index . 1)) | replace "netintent-system" $root.Release.Namespace -}}
{{- end -}}
