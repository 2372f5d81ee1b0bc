# May somebody have a tunnel of the gateway, and why?
# Usage: sh ask.sh CIPHER ADDRESS WHO [--credential FILE]... [OPTION]...
cipher=$1 address=$2 who=$3
shift 3
policydb explain --policy gateway.policy --authorizer "$(tr -d ' \n"\\' < "keys/$who.pub")" \
    --attribute app_domain="IPsec policy" --attribute esp_present=yes --attribute esp_enc_alg="$cipher" \
    --attribute remote_filter_addr_lower="$address" --attribute remote_filter_addr_upper="$address" \
    --attribute GMTTimeOfDay=20260714120000 "$@"
