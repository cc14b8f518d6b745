#!/bin/sh
# Writes the secrets of docker-compose.yml, with random values: `sh deploy/images/make-secrets.sh [DIRECTORY]`.
# What is there already is kept, so that it may be run again after a file was removed or a new one is needed.
#
# As root: each file has mode 0600 and belongs to the account that its containers run as. As another user, who cannot
# give files away: they lie in a directory of mode 0700, which keeps everybody else on this machine out, and are readable
# inside (0644), because a container's account is not yours.
set -eu
umask 077

directory=${1:-secrets}
platform=10001:10001
valkey=999:1000 # of the image valkey/valkey on Alpine

mkdir -p "$directory"
chmod 0700 "$directory"

random() { od -An -v -tx1 -N "$1" /dev/urandom | tr -d ' \n'; }

# write NAME VALUE [OWNER]
write() {
    file="$directory/$1"
    if [ ! -s "$file" ]; then
        printf '%s\n' "$2" > "$file.new"
        mv "$file.new" "$file"
        printf 'made %s\n' "$file"
    fi
    if [ "$(id -u)" = 0 ]; then
        chmod 0600 "$file"
        chown "${3:-$platform}" "$file"
    else
        chmod 0644 "$file"
    fi
}

read_secret() { cat "$directory/$1"; }


database=postgres:5432
write secret_key "$(random 48)"
write postgres_password "$(random 24)"
write valkey_password "$(random 24)" "$valkey"
write engine_api_key "$(random 24)"
write embedding_api_key "$(random 24)"
write superuser_database_url "postgresql://postgres:$(read_secret postgres_password)@$database/postgres"
write owner_database_url "postgresql://karez_owner:$(random 24)@$database/karez"
write database_url "postgresql://karez_app:$(random 24)@$database/karez"
write broker_url "redis://:$(read_secret valkey_password)@valkey:6379/0"
write cache_url "redis://:$(read_secret valkey_password)@valkey:6379/1"
