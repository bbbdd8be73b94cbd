//! The functions that `pg_proc` shows, one entry each: `oid name flags result arguments`.
//!
//! Flags: volatility (i, s, v), then s strict, r returns a set, a aggregate,
//! w window, v variadic. Types are OIDs; arguments are separated by commas.
//!
//! Source: PostgreSQL 15, `pg_proc.dat`, for the names that Gotgan has too.

/// What statements call.
#[rustfmt::skip]
pub(super) const FUNCTIONS: &str = "\
    1394 abs is 700 700; 1395 abs is 701 701; 1396 abs is 20 20; 1397 abs is 23 23;\
    1398 abs is 21 21; 1705 abs is 1700 1700; 1601 acos is 701 701; 2732 acosd is 701 701;\
    2466 acosh is 701 701; 1181 age ss 23 28; 1199 age is 1186 1184,1184; 1386 age ss 1186 1184;\
    2058 age is 1186 1114,1114; 2059 age ss 1186 1114; 4053 array_agg ia 2277 2277;\
    378 array_append i 2277 2277,2283; 383 array_cat i 2277 2277,2277; 747 array_dims is 25 2277;\
    1193 array_fill i 2277 2283,1007; 1286 array_fill i 2277 2283,1007,1007;\
    2176 array_length is 23 2277,23; 2091 array_lower is 23 2277,23; 748 array_ndims is 23 2277;\
    3277 array_position i 23 2277,2283; 3278 array_position i 23 2277,2283,23;\
    3279 array_positions i 1007 2277,2283; 379 array_prepend i 2277 2283,2277;\
    3167 array_remove i 2277 2277,2283; 3168 array_replace i 2277 2277,2283,2283;\
    384 array_to_string s 25 2277,25,25; 395 array_to_string ss 25 2277,25;\
    2092 array_upper is 23 2277,23; 1620 ascii is 23 25; 1600 asin is 701 701;\
    2731 asind is 701 701; 2465 asinh is 701 701; 1602 atan is 701 701;\
    1603 atan2 is 701 701,701; 2734 atan2d is 701 701,701; 2733 atand is 701 701;\
    2467 atanh is 701 701; 2100 avg ia 1700 20; 2101 avg ia 1700 23; 2102 avg ia 1700 21;\
    2103 avg ia 1700 1700; 2104 avg ia 701 700; 2105 avg ia 701 701; 2106 avg ia 1186 1186;\
    2236 bit_and ia 21 21; 2238 bit_and ia 23 23; 2240 bit_and ia 20 20;\
    2242 bit_and ia 1560 1560; 1810 bit_length is 23 17; 1811 bit_length is 23 25;\
    1812 bit_length is 23 1560; 2237 bit_or ia 21 21; 2239 bit_or ia 23 23; 2241 bit_or ia 20 20;\
    2243 bit_or ia 1560 1560; 6164 bit_xor ia 21 21; 6165 bit_xor ia 23 23;\
    6166 bit_xor ia 20 20; 6167 bit_xor ia 1560 1560; 2517 bool_and ia 16 16;\
    2518 bool_or ia 16 16; 884 btrim is 25 25,25; 885 btrim is 25 25; 2015 btrim is 17 17,17;\
    3179 cardinality is 23 2277; 1345 cbrt is 701 701; 1711 ceil is 1700 1700;\
    2308 ceil is 701 701; 2167 ceiling is 1700 1700; 2320 ceiling is 701 701;\
    1372 char_length is 23 1042; 1381 char_length is 23 25; 1367 character_length is 23 1042;\
    1369 character_length is 23 25; 1621 chr is 25 23; 2649 clock_timestamp vs 1184;\
    1216 col_description ss 25 26,23; 3058 concat sv 25 2276; 3059 concat_ws sv 25 25,2276;\
    1714 convert_from ss 25 17,19; 1717 convert_to ss 17 25,19; 2829 corr ia 701 701,701;\
    1605 cos is 701 701; 2736 cosd is 701 701; 2463 cosh is 701 701; 1607 cot is 701 701;\
    2738 cotd is 701 701; 2147 count ia 20 2276; 2803 count ia 20; 2827 covar_pop ia 701 701,701;\
    2828 covar_samp ia 701 701,701; 3104 cume_dist iw 701; 3990 cume_dist iav 701 2276;\
    861 current_database ss 19; 1402 current_schema ss 19; 1403 current_schemas ss 1003 16;\
    2077 current_setting ss 25 25; 3294 current_setting ss 25 25,16; 745 current_user ss 19;\
    6177 date_bin is 1114 1186,1114,1114; 6178 date_bin is 1184 1186,1184,1184;\
    1171 date_part ss 701 25,1184; 1172 date_part is 701 25,1186; 1273 date_part is 701 25,1266;\
    1384 date_part is 701 25,1082; 1385 date_part is 701 25,1083; 2021 date_part is 701 25,1114;\
    1217 date_trunc ss 1184 25,1184; 1218 date_trunc is 1186 25,1186;\
    1284 date_trunc ss 1184 25,1184,25; 2020 date_trunc is 1114 25,1114; 1947 decode is 17 25,25;\
    1608 degrees is 701 701; 3102 dense_rank iw 20; 3992 dense_rank iav 20 2276;\
    1973 div is 1700 1700,1700; 1946 encode is 25 17,25; 2519 every ia 16 16;\
    1347 exp is 701 701; 1732 exp is 1700 1700; 6199 extract is 1700 25,1082;\
    6200 extract is 1700 25,1083; 6201 extract is 1700 25,1266; 6202 extract is 1700 25,1114;\
    6203 extract ss 1700 25,1184; 6204 extract is 1700 25,1186; 1376 factorial is 1700 20;\
    3112 first_value isw 2283 2283; 1712 floor is 1700 1700; 2309 floor is 701 701;\
    3539 format sv 25 25,2276; 3540 format s 25 25; 1081 format_type s 25 26,23;\
    5044 gcd is 23 23,23; 5045 gcd is 20 20,20; 5048 gcd is 1700 1700,1700;\
    3432 gen_random_uuid vs 2950; 938 generate_series isr 1114 1114,1114,1186;\
    939 generate_series ssr 1184 1184,1184,1186; 1066 generate_series isr 23 23,23,23;\
    1067 generate_series isr 23 23,23; 1068 generate_series isr 20 20,20,20;\
    1069 generate_series isr 20 20,20; 3259 generate_series isr 1700 1700,1700,1700;\
    3260 generate_series isr 1700 1700,1700; 1191 generate_subscripts isr 23 2277,23,16;\
    1192 generate_subscripts isr 23 2277,23; 1039 getdatabaseencoding ss 19;\
    3024 has_any_column_privilege ss 16 19,25,25; 3025 has_any_column_privilege ss 16 19,26,25;\
    3026 has_any_column_privilege ss 16 26,25,25; 3027 has_any_column_privilege ss 16 26,26,25;\
    3028 has_any_column_privilege ss 16 25,25; 3029 has_any_column_privilege ss 16 26,25;\
    3012 has_column_privilege ss 16 19,25,25,25; 3013 has_column_privilege ss 16 19,25,21,25;\
    3014 has_column_privilege ss 16 19,26,25,25; 3015 has_column_privilege ss 16 19,26,21,25;\
    3016 has_column_privilege ss 16 26,25,25,25; 3017 has_column_privilege ss 16 26,25,21,25;\
    3018 has_column_privilege ss 16 26,26,25,25; 3019 has_column_privilege ss 16 26,26,21,25;\
    3020 has_column_privilege ss 16 25,25,25; 3021 has_column_privilege ss 16 25,21,25;\
    3022 has_column_privilege ss 16 26,25,25; 3023 has_column_privilege ss 16 26,21,25;\
    2250 has_database_privilege ss 16 19,25,25; 2251 has_database_privilege ss 16 19,26,25;\
    2252 has_database_privilege ss 16 26,25,25; 2253 has_database_privilege ss 16 26,26,25;\
    2254 has_database_privilege ss 16 25,25; 2255 has_database_privilege ss 16 26,25;\
    2256 has_function_privilege ss 16 19,25,25; 2257 has_function_privilege ss 16 19,26,25;\
    2258 has_function_privilege ss 16 26,25,25; 2259 has_function_privilege ss 16 26,26,25;\
    2260 has_function_privilege ss 16 25,25; 2261 has_function_privilege ss 16 26,25;\
    2262 has_language_privilege ss 16 19,25,25; 2263 has_language_privilege ss 16 19,26,25;\
    2264 has_language_privilege ss 16 26,25,25; 2265 has_language_privilege ss 16 26,26,25;\
    2266 has_language_privilege ss 16 25,25; 2267 has_language_privilege ss 16 26,25;\
    2268 has_schema_privilege ss 16 19,25,25; 2269 has_schema_privilege ss 16 19,26,25;\
    2270 has_schema_privilege ss 16 26,25,25; 2271 has_schema_privilege ss 16 26,26,25;\
    2272 has_schema_privilege ss 16 25,25; 2273 has_schema_privilege ss 16 26,25;\
    2181 has_sequence_privilege ss 16 19,25,25; 2182 has_sequence_privilege ss 16 19,26,25;\
    2183 has_sequence_privilege ss 16 26,25,25; 2184 has_sequence_privilege ss 16 26,26,25;\
    2185 has_sequence_privilege ss 16 25,25; 2186 has_sequence_privilege ss 16 26,25;\
    3006 has_server_privilege ss 16 19,25,25; 3007 has_server_privilege ss 16 19,26,25;\
    3008 has_server_privilege ss 16 26,25,25; 3009 has_server_privilege ss 16 26,26,25;\
    3010 has_server_privilege ss 16 25,25; 3011 has_server_privilege ss 16 26,25;\
    1922 has_table_privilege ss 16 19,25,25; 1923 has_table_privilege ss 16 19,26,25;\
    1924 has_table_privilege ss 16 26,25,25; 1925 has_table_privilege ss 16 26,26,25;\
    1926 has_table_privilege ss 16 25,25; 1927 has_table_privilege ss 16 26,25;\
    2390 has_tablespace_privilege ss 16 19,25,25; 2391 has_tablespace_privilege ss 16 19,26,25;\
    2392 has_tablespace_privilege ss 16 26,25,25; 2393 has_tablespace_privilege ss 16 26,26,25;\
    2394 has_tablespace_privilege ss 16 25,25; 2395 has_tablespace_privilege ss 16 26,25;\
    3138 has_type_privilege ss 16 19,25,25; 3139 has_type_privilege ss 16 19,26,25;\
    3140 has_type_privilege ss 16 26,25,25; 3141 has_type_privilege ss 16 26,26,25;\
    3142 has_type_privilege ss 16 25,25; 3143 has_type_privilege ss 16 26,25;\
    2196 inet_client_addr s 869; 2197 inet_client_port s 23; 2198 inet_server_addr s 869;\
    2199 inet_server_port s 23; 872 initcap is 25 25; 1373 isfinite is 16 1082;\
    1389 isfinite is 16 1184; 1390 isfinite is 16 1186; 2048 isfinite is 16 1114;\
    3175 json_agg sa 114 2283; 3955 json_array_elements isr 114 114;\
    3969 json_array_elements_text isr 25 114; 3956 json_array_length is 23 114;\
    3198 json_build_array sv 114 2276; 3199 json_build_array s 114;\
    3200 json_build_object sv 114 2276; 3201 json_build_object s 114;\
    3958 json_each isr 2249 114; 3959 json_each_text isr 2249 114;\
    3951 json_extract_path isv 114 114,1009; 3953 json_extract_path_text isv 25 114,1009;\
    3202 json_object is 114 1009; 3203 json_object is 114 1009,1009;\
    3197 json_object_agg sa 114 2276,2276; 3957 json_object_keys isr 25 114;\
    3261 json_strip_nulls is 114 114; 3968 json_typeof is 25 114; 3267 jsonb_agg sa 3802 2283;\
    3219 jsonb_array_elements isr 3802 3802; 3465 jsonb_array_elements_text isr 25 3802;\
    3207 jsonb_array_length is 23 3802; 3271 jsonb_build_array sv 3802 2276;\
    3272 jsonb_build_array s 3802; 3273 jsonb_build_object sv 3802 2276;\
    3274 jsonb_build_object s 3802; 3208 jsonb_each isr 2249 3802;\
    3932 jsonb_each_text isr 2249 3802; 3217 jsonb_extract_path isv 3802 3802,1009;\
    3940 jsonb_extract_path_text isv 25 3802,1009; 3263 jsonb_object is 3802 1009;\
    3264 jsonb_object is 3802 1009,1009; 3270 jsonb_object_agg ia 3802 2276,2276;\
    3931 jsonb_object_keys isr 25 3802; 3306 jsonb_pretty is 25 3802;\
    3305 jsonb_set is 3802 3802,1009,3802,16; 3262 jsonb_strip_nulls is 3802 3802;\
    3210 jsonb_typeof is 25 3802; 1295 justify_days is 1186 1186;\
    1175 justify_hours is 1186 1186; 2711 justify_interval is 1186 1186; 3106 lag isw 2283 2283;\
    3107 lag isw 2283 2283,23; 3108 lag isw 2283 2283,23,2283; 3113 last_value isw 2283 2283;\
    5046 lcm is 23 23,23; 5047 lcm is 20 20,20; 5049 lcm is 1700 1700,1700;\
    3109 lead isw 2283 2283; 3110 lead isw 2283 2283,23; 3111 lead isw 2283 2283,23,2283;\
    3060 left is 25 25,23; 1317 length is 23 25; 1318 length is 23 1042; 1681 length is 23 1560;\
    1713 length ss 23 17,19; 2010 length is 23 17; 1341 ln is 701 701; 1734 ln is 1700 1700;\
    1340 log is 701 701; 1736 log is 1700 1700,1700; 1741 log is 1700 1700;\
    1194 log10 is 701 701; 1481 log10 is 1700 1700; 870 lower is 25 25; 873 lpad is 25 25,23,25;\
    879 lpad is 25 25,23; 875 ltrim is 25 25,25; 881 ltrim is 25 25; 6195 ltrim is 17 17,17;\
    3846 make_date is 1082 23,23,23; 3464 make_interval is 1186 23,23,23,23,23,23,701;\
    3847 make_time is 1083 23,23,701; 3461 make_timestamp is 1114 23,23,23,23,23,701;\
    3462 make_timestamptz ss 1184 23,23,23,23,23,701;\
    3463 make_timestamptz ss 1184 23,23,23,23,23,701,25; 2050 max ia 2277 2277;\
    2115 max ia 20 20; 2116 max ia 23 23; 2117 max ia 21 21; 2118 max ia 26 26;\
    2119 max ia 700 700; 2120 max ia 701 701; 2122 max ia 1082 1082; 2123 max ia 1083 1083;\
    2124 max ia 1266 1266; 2125 max ia 790 790; 2126 max ia 1114 1114; 2127 max ia 1184 1184;\
    2128 max ia 1186 1186; 2129 max ia 25 25; 2130 max ia 1700 1700; 2244 max ia 1042 1042;\
    2797 max ia 27 27; 3564 max ia 869 869; 2311 md5 is 25 25; 2321 md5 is 25 17;\
    2051 min ia 2277 2277; 2131 min ia 20 20; 2132 min ia 23 23; 2133 min ia 21 21;\
    2134 min ia 26 26; 2135 min ia 700 700; 2136 min ia 701 701; 2138 min ia 1082 1082;\
    2139 min ia 1083 1083; 2140 min ia 1266 1266; 2141 min ia 790 790; 2142 min ia 1114 1114;\
    2143 min ia 1184 1184; 2144 min ia 1186 1186; 2145 min ia 25 25; 2146 min ia 1700 1700;\
    2245 min ia 1042 1042; 2798 min ia 27 27; 3565 min ia 869 869; 940 mod is 21 21,21;\
    941 mod is 23 23,23; 947 mod is 20 20,20; 1728 mod is 1700 1700,1700; 3984 mode ia 2283 2283;\
    1299 now ss 1184; 3114 nth_value isw 2283 2283,23; 3105 ntile isw 23 23;\
    440 num_nonnulls iv 23 2276; 438 num_nulls iv 23 2276; 1215 obj_description ss 25 26,19;\
    1348 obj_description ss 25 26; 720 octet_length is 23 17; 1374 octet_length is 23 25;\
    1375 octet_length is 23 1042; 1682 octet_length is 23 1560; 749 overlay is 17 17,17,23,23;\
    752 overlay is 17 17,17,23; 1404 overlay is 25 25,25,23,23; 1405 overlay is 25 25,25,23;\
    3030 overlay is 1560 1560,1560,23,23; 3031 overlay is 1560 1560,1560,23;\
    1268 parse_ident is 1009 25,16; 3103 percent_rank iw 701; 3988 percent_rank iav 701 2276;\
    3974 percentile_cont ia 701 701,701; 3976 percentile_cont ia 1186 701,1186;\
    3980 percentile_cont ia 1022 1022,701; 3982 percentile_cont ia 1187 1022,1186;\
    3972 percentile_disc ia 2283 701,2283; 3978 percentile_disc ia 2277 1022,2283;\
    2026 pg_backend_pid ss 23; 2561 pg_blocking_pids vs 1007 23;\
    1264 pg_char_to_encoding ss 23 19; 810 pg_client_encoding ss 19;\
    3815 pg_collation_is_visible ss 16 26; 3843 pg_column_is_updatable ss 16 2205,21,16;\
    2034 pg_conf_load_time ss 1184; 2093 pg_conversion_is_visible ss 16 26;\
    2168 pg_database_size vs 20 19; 2324 pg_database_size vs 20 26;\
    1597 pg_encoding_to_char ss 19 23; 2081 pg_function_is_visible ss 16 26;\
    1387 pg_get_constraintdef ss 25 26; 2508 pg_get_constraintdef ss 25 26,16;\
    1716 pg_get_expr ss 25 194,26; 2509 pg_get_expr ss 25 194,26,16;\
    2162 pg_get_function_arguments ss 25 26; 2232 pg_get_function_identity_arguments ss 25 26;\
    2165 pg_get_function_result ss 25 26; 6197 pg_get_function_sqlbody ss 25 26;\
    2098 pg_get_functiondef ss 25 26; 1643 pg_get_indexdef ss 25 26;\
    2507 pg_get_indexdef ss 25 26,23,16; 1686 pg_get_keywords ssr 2249;\
    3352 pg_get_partkeydef ss 25 26; 1573 pg_get_ruledef ss 25 26;\
    2504 pg_get_ruledef ss 25 26,16; 1665 pg_get_serial_sequence ss 25 25,25;\
    6174 pg_get_statisticsobjdef_columns ss 25 26; 1662 pg_get_triggerdef ss 25 26;\
    2730 pg_get_triggerdef ss 25 26,16; 1642 pg_get_userbyid ss 19 26;\
    1640 pg_get_viewdef ss 25 25; 1641 pg_get_viewdef ss 25 26; 2505 pg_get_viewdef ss 25 25,16;\
    2506 pg_get_viewdef ss 25 26,16; 3159 pg_get_viewdef ss 25 26,23;\
    2705 pg_has_role ss 16 19,19,25; 2706 pg_has_role ss 16 19,26,25;\
    2707 pg_has_role ss 16 26,19,25; 2708 pg_has_role ss 16 26,26,25;\
    2709 pg_has_role ss 16 19,25; 2710 pg_has_role ss 16 26,25; 2998 pg_indexes_size vs 20 2205;\
    3810 pg_is_in_recovery vs 16; 2855 pg_is_other_temp_schema ss 16 26;\
    315 pg_jit_available vs 16; 2854 pg_my_temp_schema ss 26;\
    2083 pg_opclass_is_visible ss 16 26; 2082 pg_operator_is_visible ss 16 26;\
    3829 pg_opfamily_is_visible ss 16 26; 2560 pg_postmaster_start_time ss 1184;\
    2999 pg_relation_filenode ss 26 2205; 6121 pg_relation_is_publishable ss 16 2205;\
    3842 pg_relation_is_updatable ss 23 2205,16; 2325 pg_relation_size vs 20 2205;\
    2332 pg_relation_size vs 20 2205,25; 2084 pg_show_all_settings ssr 2249;\
    3334 pg_size_bytes is 20 25; 2288 pg_size_pretty is 25 20; 3166 pg_size_pretty is 25 1700;\
    2626 pg_sleep vs 2278 701; 2171 pg_cancel_backend vs 16 23;\
    2096 pg_terminate_backend vs 16 23,20; 3403 pg_statistics_obj_is_visible ss 16 26;\
    2079 pg_table_is_visible ss 16 26; 2997 pg_table_size vs 20 2205;\
    3778 pg_tablespace_location ss 25 26; 2322 pg_tablespace_size vs 20 26;\
    2323 pg_tablespace_size vs 20 19; 2856 pg_timezone_names ssr 2249;\
    2286 pg_total_relation_size vs 20 2205; 3758 pg_ts_config_is_visible ss 16 26;\
    3757 pg_ts_dict_is_visible ss 16 26; 3756 pg_ts_parser_is_visible ss 16 26;\
    3768 pg_ts_template_is_visible ss 16 26; 2080 pg_type_is_visible ss 16 26;\
    1619 pg_typeof s 2206 2276; 1610 pi is 701; 849 position is 23 25,25;\
    1698 position is 23 1560,1560; 2014 position is 23 17,17; 1346 pow is 701 701,701;\
    1738 pow is 1700 1700,1700; 1368 power is 701 701,701; 2169 power is 1700 1700,1700;\
    1282 quote_ident is 25 25; 1283 quote_literal is 25 25; 1285 quote_literal ss 25 2283;\
    1289 quote_nullable i 25 25; 1290 quote_nullable s 25 2283; 1609 radians is 701 701;\
    1598 random vs 701; 3101 rank iw 20; 3986 rank iav 20 2276; 6254 regexp_count is 23 25,25;\
    6255 regexp_count is 23 25,25,23; 6256 regexp_count is 23 25,25,23,25;\
    6257 regexp_instr is 23 25,25; 6258 regexp_instr is 23 25,25,23;\
    6259 regexp_instr is 23 25,25,23,23; 6260 regexp_instr is 23 25,25,23,23,23;\
    6261 regexp_instr is 23 25,25,23,23,23,25; 6262 regexp_instr is 23 25,25,23,23,23,25,23;\
    6263 regexp_like is 16 25,25; 6264 regexp_like is 16 25,25,25;\
    3396 regexp_match is 1009 25,25; 3397 regexp_match is 1009 25,25,25;\
    2763 regexp_matches isr 1009 25,25; 2764 regexp_matches isr 1009 25,25,25;\
    2284 regexp_replace is 25 25,25,25; 2285 regexp_replace is 25 25,25,25,25;\
    6251 regexp_replace is 25 25,25,25,23,23,25; 6252 regexp_replace is 25 25,25,25,23,23;\
    6253 regexp_replace is 25 25,25,25,23; 2767 regexp_split_to_array is 1009 25,25;\
    2768 regexp_split_to_array is 1009 25,25,25; 2765 regexp_split_to_table isr 25 25,25;\
    2766 regexp_split_to_table isr 25 25,25,25; 6265 regexp_substr is 25 25,25;\
    6266 regexp_substr is 25 25,25,23; 6267 regexp_substr is 25 25,25,23,23;\
    6268 regexp_substr is 25 25,25,23,23,25; 6269 regexp_substr is 25 25,25,23,23,25,23;\
    2822 regr_avgx ia 701 701,701; 2823 regr_avgy ia 701 701,701; 2818 regr_count ia 20 701,701;\
    2826 regr_intercept ia 701 701,701; 2824 regr_r2 ia 701 701,701;\
    2825 regr_slope ia 701 701,701; 2819 regr_sxx ia 701 701,701; 2821 regr_sxy ia 701 701,701;\
    2820 regr_syy ia 701 701,701; 1622 repeat is 25 25,23; 2087 replace is 25 25,25,25;\
    3062 reverse is 25 25; 3061 right is 25 25,23; 1342 round is 701 701;\
    1707 round is 1700 1700,23; 1708 round is 1700 1700; 3100 row_number iw 20;\
    3155 row_to_json ss 114 2249; 3156 row_to_json ss 114 2249,16; 874 rpad is 25 25,23,25;\
    880 rpad is 25 25,23; 876 rtrim is 25 25,25; 882 rtrim is 25 25; 6196 rtrim is 17 17,17;\
    3281 scale is 23 1700; 746 session_user ss 19; 2078 set_config v 25 25,25,16;\
    3419 sha224 is 17 17; 3420 sha256 is 17 17; 3421 sha384 is 17 17; 3422 sha512 is 17 17;\
    1993 shobj_description ss 25 26,19; 1706 sign is 1700 1700; 2310 sign is 701 701;\
    1604 sin is 701 701; 2735 sind is 701 701; 2462 sinh is 701 701;\
    2088 split_part is 25 25,25,23; 1344 sqrt is 701 701; 1730 sqrt is 1700 1700;\
    3696 starts_with is 16 25,25; 2648 statement_timestamp ss 1184; 2154 stddev ia 1700 20;\
    2155 stddev ia 1700 23; 2156 stddev ia 1700 21; 2157 stddev ia 701 700;\
    2158 stddev ia 701 701; 2159 stddev ia 1700 1700; 2724 stddev_pop ia 1700 20;\
    2725 stddev_pop ia 1700 23; 2726 stddev_pop ia 1700 21; 2727 stddev_pop ia 701 700;\
    2728 stddev_pop ia 701 701; 2729 stddev_pop ia 1700 1700; 2712 stddev_samp ia 1700 20;\
    2713 stddev_samp ia 1700 23; 2714 stddev_samp ia 1700 21; 2715 stddev_samp ia 701 700;\
    2716 stddev_samp ia 701 701; 2717 stddev_samp ia 1700 1700; 3538 string_agg ia 25 25,25;\
    3545 string_agg ia 17 17,17; 376 string_to_array i 1009 25,25,25;\
    394 string_to_array i 1009 25,25; 6160 string_to_table ir 25 25,25;\
    6161 string_to_table ir 25 25,25,25; 868 strpos is 23 25,25; 877 substr is 25 25,23,23;\
    883 substr is 25 25,23; 2085 substr is 17 17,23,23; 2086 substr is 17 17,23;\
    936 substring is 25 25,23,23; 937 substring is 25 25,23; 1680 substring is 1560 1560,23,23;\
    1699 substring is 1560 1560,23; 2012 substring is 17 17,23,23; 2013 substring is 17 17,23;\
    2073 substring is 25 25,25; 2074 substring is 25 25,25,25; 2107 sum ia 1700 20;\
    2108 sum ia 20 23; 2109 sum ia 20 21; 2110 sum ia 700 700; 2111 sum ia 701 701;\
    2112 sum ia 790 790; 2113 sum ia 1186 1186; 2114 sum ia 1700 1700; 1606 tan is 701 701;\
    2737 tand is 701 701; 2464 tanh is 701 701; 274 timeofday vs 25;\
    1026 timezone is 1114 1186,1184; 1159 timezone is 1114 25,1184;\
    2037 timezone ss 1266 25,1266; 2038 timezone is 1266 1186,1266;\
    2069 timezone is 1184 25,1114; 2070 timezone is 1184 1186,1114; 1768 to_char ss 25 1186,25;\
    1770 to_char ss 25 1184,25; 1772 to_char ss 25 1700,25; 1773 to_char ss 25 23,25;\
    1774 to_char ss 25 20,25; 1775 to_char ss 25 700,25; 1776 to_char ss 25 701,25;\
    2049 to_char ss 25 1114,25; 1780 to_date ss 1082 25,25; 2089 to_hex is 25 23;\
    2090 to_hex is 25 20; 3176 to_json ss 114 2283; 3787 to_jsonb ss 3802 2283;\
    1777 to_number ss 1700 25,25; 3495 to_regclass ss 2205 25; 4086 to_regnamespace ss 4089 25;\
    3494 to_regproc ss 24 25; 4093 to_regrole ss 4096 25; 3493 to_regtype ss 2206 25;\
    1158 to_timestamp is 1184 701; 1778 to_timestamp ss 1184 25,25;\
    2647 transaction_timestamp ss 1184; 878 translate is 25 25,25,25;\
    6172 trim_array is 2277 2277,23; 5043 trim_scale is 1700 1700; 753 trunc is 829 829;\
    1343 trunc is 701 701; 1709 trunc is 1700 1700,23; 1710 trunc is 1700 1700;\
    2943 txid_current ss 20; 2331 unnest isr 2283 2277; 871 upper is 25 25;\
    2718 var_pop ia 1700 20; 2719 var_pop ia 1700 23; 2720 var_pop ia 1700 21;\
    2721 var_pop ia 701 700; 2722 var_pop ia 701 701; 2723 var_pop ia 1700 1700;\
    2641 var_samp ia 1700 20; 2642 var_samp ia 1700 23; 2643 var_samp ia 1700 21;\
    2644 var_samp ia 701 700; 2645 var_samp ia 701 701; 2646 var_samp ia 1700 1700;\
    2148 variance ia 1700 20; 2149 variance ia 1700 23; 2150 variance ia 1700 21;\
    2151 variance ia 701 700; 2152 variance ia 701 701; 2153 variance ia 1700 1700;\
    89 version ss 25; 320 width_bucket is 23 701,701,701,23;\
    2170 width_bucket is 23 1700,1700,1700,23; 3218 width_bucket is 23 2283,2277";

/// Input and output of types and access methods, which `pg_type` and `pg_am` name.
#[rustfmt::skip]
pub(super) const SUPPORT: &str = "\
    3 heap_tableam_handler vs 269 2281; 31 byteaout is 2275 17; 33 charout is 2275 18;\
    34 namein is 19 2275; 35 nameout is 2275 19; 38 int2in is 21 2275; 39 int2out is 2275 21;\
    40 int2vectorin is 22 2275; 41 int2vectorout is 2275 22; 42 int4in is 23 2275;\
    43 int4out is 2275 23; 44 regprocin ss 24 2275; 45 regprocout ss 2275 24;\
    46 textin is 25 2275; 47 textout is 2275 25; 48 tidin is 27 2275; 49 tidout is 2275 27;\
    50 xidin is 28 2275; 51 xidout is 2275 28; 52 cidin is 29 2275; 53 cidout is 2275 29;\
    54 oidvectorin is 30 2275; 55 oidvectorout is 2275 30; 109 unknownin is 705 2275;\
    110 unknownout is 2275 705; 195 pg_node_tree_in is 194 2275;\
    196 pg_node_tree_out is 2275 194; 197 pg_node_tree_recv ss 194 2281;\
    198 pg_node_tree_send ss 17 194; 200 float4in is 700 2275; 201 float4out is 2275 700;\
    214 float8in is 701 2275; 215 float8out is 2275 701; 321 json_in is 114 2275;\
    322 json_out is 2275 114; 323 json_recv is 114 2281; 324 json_send is 17 114;\
    330 bthandler vs 325 2281; 436 macaddr_in is 829 2275; 437 macaddr_out is 2275 829;\
    460 int8in is 20 2275; 461 int8out is 2275 20; 750 array_in ss 2277 2275,26,23;\
    751 array_out ss 2275 2277; 886 cash_in ss 790 2275; 887 cash_out ss 2275 790;\
    910 inet_in is 869 2275; 911 inet_out is 2275 869; 1031 aclitemin ss 1033 2275;\
    1032 aclitemout ss 2275 1033; 1044 bpcharin is 1042 2275,26,23; 1045 bpcharout is 2275 1042;\
    1046 varcharin is 1043 2275,26,23; 1047 varcharout is 2275 1043; 1084 date_in ss 1082 2275;\
    1085 date_out ss 2275 1082; 1143 time_in ss 1083 2275,26,23; 1144 time_out is 2275 1083;\
    1150 timestamptz_in ss 1184 2275,26,23; 1151 timestamptz_out ss 2275 1184;\
    1160 interval_in ss 1186 2275,26,23; 1161 interval_out ss 2275 1186; 1242 boolin is 16 2275;\
    1243 boolout is 2275 16; 1244 byteain is 17 2275; 1245 charin is 18 2275;\
    1267 cidr_in is 650 2275; 1312 timestamp_in ss 1114 2275,26,23;\
    1313 timestamp_out ss 2275 1114; 1350 timetz_in ss 1266 2275,26,23;\
    1351 timetz_out is 2275 1266; 1427 cidr_out is 2275 650; 1564 bit_in is 1560 2275,26,23;\
    1565 bit_out is 2275 1560; 1579 varbit_in is 1562 2275,26,23; 1580 varbit_out is 2275 1562;\
    1701 numeric_in is 1700 2275,26,23; 1702 numeric_out is 2275 1700; 1798 oidin is 26 2275;\
    1799 oidout is 2275 26; 2212 regprocedurein ss 2202 2275; 2213 regprocedureout ss 2275 2202;\
    2214 regoperin ss 2203 2275; 2215 regoperout ss 2275 2203; 2216 regoperatorin ss 2204 2275;\
    2217 regoperatorout ss 2275 2204; 2218 regclassin ss 2205 2275;\
    2219 regclassout ss 2275 2205; 2220 regtypein ss 2206 2275; 2221 regtypeout ss 2275 2206;\
    2290 record_in ss 2249 2275,26,23; 2291 record_out ss 2275 2249;\
    2292 cstring_in is 2275 2275; 2293 cstring_out is 2275 2275; 2294 any_in is 2276 2275;\
    2295 any_out is 2275 2276; 2296 anyarray_in is 2277 2275; 2297 anyarray_out ss 2275 2277;\
    2298 void_in is 2278 2275; 2299 void_out is 2275 2278; 2300 trigger_in i 2279 2275;\
    2301 trigger_out is 2275 2279; 2312 anyelement_in is 2283 2275;\
    2313 anyelement_out is 2275 2283; 2400 array_recv ss 2277 2281,26,23;\
    2401 array_send ss 17 2277; 2402 record_recv ss 2249 2281,26,23; 2403 record_send ss 17 2249;\
    2404 int2recv is 21 2281; 2405 int2send is 17 21; 2406 int4recv is 23 2281;\
    2407 int4send is 17 23; 2408 int8recv is 20 2281; 2409 int8send is 17 20;\
    2410 int2vectorrecv is 22 2281; 2411 int2vectorsend is 17 22; 2412 bytearecv is 17 2281;\
    2413 byteasend is 17 17; 2414 textrecv ss 25 2281; 2415 textsend ss 17 25;\
    2416 unknownrecv is 705 2281; 2417 unknownsend is 17 705; 2418 oidrecv is 26 2281;\
    2419 oidsend is 17 26; 2420 oidvectorrecv is 30 2281; 2421 oidvectorsend is 17 30;\
    2422 namerecv ss 19 2281; 2423 namesend ss 17 19; 2424 float4recv is 700 2281;\
    2425 float4send is 17 700; 2426 float8recv is 701 2281; 2427 float8send is 17 701;\
    2430 bpcharrecv ss 1042 2281,26,23; 2431 bpcharsend ss 17 1042;\
    2432 varcharrecv ss 1043 2281,26,23; 2433 varcharsend ss 17 1043; 2434 charrecv is 18 2281;\
    2435 charsend is 17 18; 2436 boolrecv is 16 2281; 2437 boolsend is 17 16;\
    2438 tidrecv is 27 2281; 2439 tidsend is 17 27; 2440 xidrecv is 28 2281;\
    2441 xidsend is 17 28; 2442 cidrecv is 29 2281; 2443 cidsend is 17 29;\
    2444 regprocrecv is 24 2281; 2445 regprocsend is 17 24; 2446 regprocedurerecv is 2202 2281;\
    2447 regproceduresend is 17 2202; 2448 regoperrecv is 2203 2281; 2449 regopersend is 17 2203;\
    2450 regoperatorrecv is 2204 2281; 2451 regoperatorsend is 17 2204;\
    2452 regclassrecv is 2205 2281; 2453 regclasssend is 17 2205; 2454 regtyperecv is 2206 2281;\
    2455 regtypesend is 17 2206; 2456 bit_recv is 1560 2281,26,23; 2457 bit_send is 17 1560;\
    2458 varbit_recv is 1562 2281,26,23; 2459 varbit_send is 17 1562;\
    2460 numeric_recv is 1700 2281,26,23; 2461 numeric_send is 17 1700;\
    2468 date_recv is 1082 2281; 2469 date_send is 17 1082; 2470 time_recv is 1083 2281,26,23;\
    2471 time_send is 17 1083; 2472 timetz_recv is 1266 2281,26,23; 2473 timetz_send is 17 1266;\
    2474 timestamp_recv is 1114 2281,26,23; 2475 timestamp_send is 17 1114;\
    2476 timestamptz_recv is 1184 2281,26,23; 2477 timestamptz_send is 17 1184;\
    2478 interval_recv is 1186 2281,26,23; 2479 interval_send is 17 1186;\
    2492 cash_recv is 790 2281; 2493 cash_send is 17 790; 2494 macaddr_recv is 829 2281;\
    2495 macaddr_send is 17 829; 2496 inet_recv is 869 2281; 2497 inet_send is 17 869;\
    2498 cidr_recv is 650 2281; 2499 cidr_send is 17 650; 2500 cstring_recv ss 2275 2281;\
    2501 cstring_send ss 17 2275; 2502 anyarray_recv ss 2277 2281; 2503 anyarray_send ss 17 2277;\
    2893 xml_in ss 142 2275; 2894 xml_out is 2275 142; 2898 xml_recv ss 142 2281;\
    2899 xml_send ss 17 142; 2902 varbittypmodin is 23 1263; 2903 intervaltypmodin is 23 1263;\
    2904 intervaltypmodout is 2275 23; 2905 timestamptypmodin is 23 1263;\
    2906 timestamptypmodout is 2275 23; 2907 timestamptztypmodin is 23 1263;\
    2908 timestamptztypmodout is 2275 23; 2909 timetypmodin is 23 1263;\
    2910 timetypmodout is 2275 23; 2911 timetztypmodin is 23 1263;\
    2912 timetztypmodout is 2275 23; 2913 bpchartypmodin is 23 1263;\
    2914 bpchartypmodout is 2275 23; 2915 varchartypmodin is 23 1263;\
    2916 varchartypmodout is 2275 23; 2917 numerictypmodin is 23 1263;\
    2918 numerictypmodout is 2275 23; 2919 bittypmodin is 23 1263; 2920 bittypmodout is 2275 23;\
    2921 varbittypmodout is 2275 23; 2952 uuid_in is 2950 2275; 2953 uuid_out is 2275 2950;\
    2961 uuid_recv is 2950 2281; 2962 uuid_send is 17 2950; 3120 void_recv is 2278 2281;\
    3121 void_send is 17 2278; 3803 jsonb_send is 17 3802; 3804 jsonb_out is 2275 3802;\
    3805 jsonb_recv is 3802 2281; 3806 jsonb_in is 3802 2275; 3816 array_typanalyze ss 16 2281;\
    4084 regnamespacein ss 4089 2275; 4085 regnamespaceout ss 2275 4089;\
    4087 regnamespacerecv is 4089 2281; 4088 regnamespacesend is 17 4089;\
    4092 regroleout ss 2275 4096; 4094 regrolerecv is 4096 2281; 4095 regrolesend is 17 4096;\
    4098 regrolein ss 4096 2275; 4193 regcollationin ss 4191 2275;\
    4194 regcollationout ss 2275 4191; 4196 regcollationrecv is 4191 2281;\
    4197 regcollationsend is 17 4191; 6098 jsonb_subscript_handler is 2281 2281;\
    6179 array_subscript_handler is 2281 2281; 6180 raw_array_subscript_handler is 2281 2281";
