#!/bin/sh
# Makes certificates of a CA of one's own: `make-certificates.sh FOLDER NAME...`. Keeps the CA and those that exist.
# Each counts for its name, localhost and 127.0.0.1, for servers and clients alike.
set -eu
umask 077
folder=$1
shift
mkdir -p "$folder"
[ -e "$folder/ca.key" ] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 \
    -subj "/CN=Modepulse CA" -addext "keyUsage=critical,keyCertSign,cRLSign" \
    -keyout "$folder/ca.key" -out "$folder/ca.crt" 2>/dev/null
for name; do
    [ ! -e "$folder/$name.crt" ] || continue
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$name" \
        -keyout "$folder/$name.key" -out "$folder/$name.csr" 2>/dev/null
    printf 'subjectAltName=DNS:%s,DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\nauthorityKeyIdentifier=keyid\n' \
        "$name" >"$folder/$name.ext"
    openssl x509 -req -in "$folder/$name.csr" -CA "$folder/ca.crt" -CAkey "$folder/ca.key" -CAcreateserial -days 825 \
        -extfile "$folder/$name.ext" -out "$folder/$name.crt" 2>/dev/null
    rm "$folder/$name.csr" "$folder/$name.ext"
done
